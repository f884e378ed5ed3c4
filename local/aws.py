"""boto3 clients for the embedded AWS emulator (local/emulator.py).

They ignore the developer's own AWS profile, region and credentials.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

ACCOUNT_ID = "111122223333"
"""The account number in AWS's own examples."""
REGION = "eu-west-1"
ACCESS_KEY_ID = "local"
SECRET_ACCESS_KEY = "local"  # noqa: S105  # the emulator accepts any key


@dataclass(frozen=True, slots=True)
class Aws:
    endpoint: str

    def client(self, service: str) -> Any:
        import boto3
        import botocore.session
        from botocore.config import Config

        nowhere = {
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
        session = boto3.Session(
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
            region_name=REGION,
            botocore_session=botocore.session.Session(session_vars=nowhere),
        )
        config = Config(
            retries={"total_max_attempts": 2},
            connect_timeout=5,
            read_timeout=60,
            s3={"addressing_style": "path"},
            proxies={},
        )
        return session.client(service, endpoint_url=self.endpoint, config=config)
