"""The stand-in's command line. See the package's docstring."""

from __future__ import annotations

import argparse

import local.platform_standin as package


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m local.platform_standin",
        description=package.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, required=True, help="port of 127.0.0.1; 0 picks a free one")
    parser.add_argument("--webhook-url", help="where to send completion webhooks; can be set later")
    parser.add_argument(
        "--webhook-secret",
        action="append",
        required=True,
        metavar="whsec_…",
        help="signs each webhook; may be repeated",
    )
    parser.add_argument("--api-key", required=True, help="the bearer key that requests need")
    parser.add_argument("--delay", type=float, default=2.0, help="seconds to build (default %(default)s)")
    options = parser.parse_args()

    standin = package.PlatformStandIn(
        port=options.port,
        api_key=options.api_key,
        webhook_secrets=options.webhook_secret,
        webhook_url=options.webhook_url,
        delay=options.delay,
        log=lambda line: print(line, flush=True),
    )
    print(f"platform stand-in: {standin.url}", flush=True)
    try:
        standin.serve_forever()
    except KeyboardInterrupt:
        print("platform stand-in: stopped", flush=True)


if __name__ == "__main__":
    main()
