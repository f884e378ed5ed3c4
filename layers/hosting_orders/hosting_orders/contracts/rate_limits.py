"""Rate limits for contracts that publish no limits, and headers that report limits."""

from __future__ import annotations

from hosting_orders.usecases.limit_rate import Bucket, RateLimit, Standing

# Each key has one counter for each kind of request. All contracts with these limits share these counters.
LIMITS = {
    Bucket.READ: RateLimit(requests=600, seconds=60),
    Bucket.WRITE: RateLimit(requests=120, seconds=60),
    Bucket.REGISTRAR: RateLimit(requests=100, seconds=60),
}


def x_headers(standing: Standing) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(standing.limit),
        "X-RateLimit-Remaining": str(standing.remaining),
        "X-RateLimit-Reset": str(standing.resets_at),
    }


def ietf_headers(standing: Standing) -> dict[str, str]:
    # The format of the IETF draft "RateLimit header fields for HTTP".
    return {
        "RateLimit-Policy": f'"{standing.bucket}";q={standing.limit};w={standing.seconds}',
        "RateLimit": f'"{standing.bucket}";r={standing.remaining};t={standing.retry_after}',
    }
