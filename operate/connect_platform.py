"""`make connect-platform`: store the hosting platform's API key and the secrets that sign its webhooks."""

from __future__ import annotations

from collections.abc import Callable

from hosting_orders.bootstrap import secret_values
from operate.errors import OperateError
from operate.secrets import API_KEY, WEBHOOK_SECRETS, read_secret, write_secret
from operate.stacks import Cloud, Stack


def connect_platform(
    cloud: Cloud, stack: Stack, key: str, secrets: str, report: Callable[[str], None]
) -> None:
    """Store the key and the signing secrets. An empty argument keeps the stored value.

    During a rotation `secrets` is two secrets, separated by a comma. A call that raises OperateError stores nothing.
    """
    from hosting_orders.adapters.hosting_platform import HttpHostingPlatform

    manager, arn = cloud.client("secretsmanager"), stack.resources["PlatformSecret"]
    stored = read_secret(manager, arn)
    key = key or stored.get(API_KEY, "")
    secrets = secrets or stored.get(WEBHOOK_SECRETS, "")
    each = secret_values(secrets)
    if not key:
        raise OperateError("The API key is missing.")
    if not each:
        raise OperateError("The signing secret of the platform's webhooks is missing.")
    try:
        HttpHostingPlatform(stack.parameters["PlatformUrl"], key, each)
    except ValueError as error:
        raise OperateError(f"Nothing was stored: {error}.") from None
    write_secret(manager, arn, {**stored, API_KEY: key, WEBHOOK_SECRETS: ",".join(each)})
    report("The platform's key and signing secrets are stored. Functions use them within ten minutes.")
    report(f"The platform sends its webhooks to {stack.output('PlatformWebhookUrl')}")
