"""`make switch DOMAINS=off|on|acc_…`: change the feature switch of a running stack, as in docs/runbooks.md."""

from __future__ import annotations

import json
from pathlib import Path

from hosting_orders.domain.features import DOMAIN_REGISTRATION
from local.aws import Aws
from local.errors import StackError


def turn_domains(state: Path, to: str) -> None:
    """Turn domain registration `on` or `off` for all accounts, or on for one account id only.

    Raises StackError when no stack runs in this state folder.
    """
    demo = state / "demo.json"
    if not demo.exists():
        raise StackError("No stack is running here; start one with `make run`.")
    document = json.loads(demo.read_text())
    outputs, app_config = document["outputs"], Aws(document["aws"]).client("appconfig")
    application = {"ApplicationId": outputs["FeaturesApplicationId"]}
    profile = {**application, "ConfigurationProfileId": outputs["FeaturesProfileId"]}
    created = app_config.create_hosted_configuration_version(
        **profile, Content=json.dumps(_document(to)).encode(), ContentType="application/json"
    )
    app_config.start_deployment(
        **profile,
        EnvironmentId=outputs["FeaturesEnvironmentId"],
        DeploymentStrategyId=outputs["FeaturesStrategyId"],
        ConfigurationVersion=str(created["VersionNumber"]),
    )


def _document(to: str) -> dict[str, object]:
    if to in ("on", "off"):
        return {DOMAIN_REGISTRATION: {"default": to == "on"}}
    condition = {"action": "KEY_IN_VALUE", "key": "account_id", "value": [to]}
    rules = {"single account": {"when_match": True, "conditions": [condition]}}
    return {DOMAIN_REGISTRATION: {"default": False, "rules": rules}}
