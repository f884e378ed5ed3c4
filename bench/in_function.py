"""The bench starts this script as `python -S in_function.py` and counts the CPU instructions of the process.

The script reads a job as JSON from stdin. It imports only what the job needs, because the bench counts every import.
"""

import sys


class Context:
    """The parts of Lambda's context object that a handler may use."""

    function_name = memory_limit_in_mb = function_version = "bench"
    invoked_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:bench:live"
    aws_request_id = "00000000-0000-4000-8000-000000000000"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 600_000


def main() -> None:
    import json

    job = json.load(sys.stdin)
    if job["until"] == "start":
        return
    import app

    if job["until"] == "import":
        return
    for _ in range(job["calls"]):
        answer = app.handler(job["event"], Context)
        if answer["statusCode"] != job["expected"]:
            sys.exit(f"answered {answer}")


main()
