"""The stand-in's command line. See the package's docstring."""

from __future__ import annotations

import argparse

import local.stripe_standin as package


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m local.stripe_standin",
        description=package.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, required=True, help="port of 127.0.0.1; 0 picks a free one")
    parser.add_argument("--webhook-url", help="where to send webhooks; can be set later")
    parser.add_argument(
        "--webhook-secret", action="append", metavar="whsec_…", help="signs each webhook; may be repeated"
    )
    options = parser.parse_args()

    standin = package.StripeStandIn(
        port=options.port,
        webhook_url=options.webhook_url,
        webhook_secret=options.webhook_secret or package.LOCAL_WEBHOOK_SECRET,
        log=lambda line: print(line, flush=True),
    )
    print(f"Stripe stand-in: {standin.url}", flush=True)
    try:
        standin.serve_forever()
    except KeyboardInterrupt:
        print("Stripe stand-in: stopped", flush=True)


if __name__ == "__main__":
    main()
