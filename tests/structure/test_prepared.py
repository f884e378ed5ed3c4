"""In its init phase, each function prepares the ports for which it has rights (bootstrap.prepare)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.structure.project import Source, functions, listed, project_modules, read_template

# Policy → the ports that need it. Every function may also prepare the ports in WITHOUT_RIGHTS. A function with any
# policy may also prepare the ports in ON_THE_TABLE.
PORTS = {
    "ReadOrders": set(),
    "ReadKeys": {"directory"},
    "SaveOrders": {"orders"},
    "WriteOrders": {"orders"},
    "WriteKeys": {"keys"},
    "CountRequests": {"counts", "key_uses"},
    "FindDueOrders": {"orders"},
    "KeepOffers": {"known_offers"},
    "ReadStream": {"stream"},
    "StartWorkflow": {"workflow"},
    "AnswerWorkflow": {"workflow"},
    "ReadWorkflow": {"workflow"},
    "AlertOperators": {"alerts"},
    "TakeMoney": {"payments"},
    "RunSites": {"platform"},
    "RunMachines": {"platform"},
    "BuildMachines": {"platform"},
    "SignCallbacks": {"callbacks"},
    "QueueWebhooks": {"webhook_queue"},
    "NamePages": {"page_tokens"},
    "SealSecrets": {"cipher"},
    "OpenSecrets": {"cipher"},
    "ReadSwitches": {"features"},
    "CheckDomains": {"registrar"},
    "ListDomains": {"registrar"},
    "FollowDomains": {"registrar", "zones"},
    "RegisterDomains": {"registrar", "zones"},
    "RenewDomains": {"registrar", "zones"},
}
ON_THE_TABLE = {
    "orders",
    "directory",
    "catalogue",
    "deliveries",
    "events",
    "counts",
    "keys",
    "key_uses",
    "webhooks",
}
WITHOUT_RIGHTS = {"addresses", "registry_rules", "clock", "metrics", "webhook_sender"}


def prepared(source: Source) -> set[str]:
    return {
        port
        for call in source.calls
        if call.at_load and call.name == "hosting_orders.bootstrap.prepare"
        for port in call.texts
    }


def unprepared(source: Source, properties: Mapping[str, Any]) -> list[str]:
    policies = [policy["Ref"] for policy in properties.get("Policies", [])]
    known = prepared(source)
    wanted = set().union(*(PORTS[policy] for policy in policies)) if policies else set()
    if "NamePages" in policies and "quotes" in known:
        wanted = (wanted | {"quotes"}) - ({"page_tokens"} - known)  # one secret signs quotes and page tokens
    if "directory" in known and "WriteOrders" in policies:
        wanted |= PORTS["CountRequests"]  # WriteOrders includes the rights of CountRequests
    if "webhooks" in known:
        wanted = wanted - {"orders"}  # the function reads and writes webhooks instead
    may = wanted | WITHOUT_RIGHTS | (ON_THE_TABLE if policies else set())
    problems = [
        f"{source.module} does not prepare {port}, for which it has rights" for port in wanted - known
    ]
    problems += [f"{source.module} prepares {port} without a right to it" for port in known - may]
    if policies and not known & ON_THE_TABLE:
        problems.append(f"{source.module} prepares no port of the table, which every function reads")
    return sorted(problems)


def test_every_function_prepares_the_ports_of_its_rights() -> None:
    template = read_template()
    sources = {
        source.module.split(".")[1]: source for source in project_modules() if source.layer == "functions"
    }
    problems: list[str] = []
    for properties in functions(template).values():
        folder = properties["CodeUri"].removeprefix("functions/")
        problems += unprepared(sources[folder], properties)
    assert not problems, listed(problems)


def test_missing_and_extra_ports_are_noticed() -> None:
    from tests.structure.project import parse

    source = parse(
        "functions.a.app", 'from hosting_orders import bootstrap\nbootstrap.prepare("orders", "zones")\n'
    )
    properties = {"Policies": [{"Ref": "WriteOrders"}, {"Ref": "TakeMoney"}]}
    assert unprepared(source, properties) == [
        "functions.a.app does not prepare payments, for which it has rights",
        "functions.a.app prepares zones without a right to it",
    ]
    assert unprepared(parse("functions.a.app", ""), {"Policies": [{"Ref": "ReadOrders"}]}) == [
        "functions.a.app prepares no port of the table, which every function reads"
    ]
