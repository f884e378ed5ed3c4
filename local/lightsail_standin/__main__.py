"""The stand-in's command line. See the package's docstring."""

from __future__ import annotations

import argparse

import local.lightsail_standin as package
from local.lightsail_standin.server import LightsailServer


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m local.lightsail_standin",
        description=package.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, required=True, help="port of 127.0.0.1; 0 picks a free one")
    parser.add_argument("--delay", type=float, default=3.0, help="seconds a machine takes (%(default)s)")
    options = parser.parse_args()

    standin = package.LightsailStandIn(delay=options.delay, log=lambda line: print(line, flush=True))
    server = LightsailServer(standin, port=options.port)
    print(f"lightsail stand-in: {server.url}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("lightsail stand-in: stopped", flush=True)


if __name__ == "__main__":
    main()
