"""The stand-in's command line. See the package's docstring."""

from __future__ import annotations

import argparse

import local.registrar_standin as package
from local.registrar_standin.server import RegistrarServer
from local.registrar_standin.zones import zone_maker


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m local.registrar_standin",
        description=package.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, required=True, help="port of 127.0.0.1; 0 picks a free one")
    parser.add_argument("--delay", type=float, default=3.0, help="seconds a registration takes (%(default)s)")
    parser.add_argument(
        "--transfer-delay", type=float, help="seconds a transfer takes (default: four times --delay)"
    )
    parser.add_argument(
        "--aws-endpoint", metavar="URL", help="create the hosted zone of each registered domain in this AWS"
    )
    options = parser.parse_args()

    transfer_delay = 4 * options.delay if options.transfer_delay is None else options.transfer_delay
    standin = package.RegistrarStandIn(
        delay=options.delay,
        transfer_delay=transfer_delay,
        create_zone=zone_maker(options.aws_endpoint) if options.aws_endpoint else None,
        log=lambda line: print(line, flush=True),
    )
    server = RegistrarServer(standin, port=options.port)
    print(f"registrar stand-in: {server.url}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("registrar stand-in: stopped", flush=True)


if __name__ == "__main__":
    main()
