"""Each function prepares, in its init phase, the ports that its rights are for (bootstrap.prepare)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.structure.project import Source, functions, listed, project_modules, read_template

# Policy → the ports that need it. A function may also prepare what needs no right, or a right that others include.
PORTS = {
    "ReadOrders": set(),
    "ReadKeys": {"directory"},
    "SaveOrders": {"orders"},
    "WriteOrders": {"orders"},
    "CountRequests": {"counts"},
    "FindDueOrders": {"orders"},
    "StartWorkflow": {"workflow"},
    "AnswerWorkflow": {"workflow"},
    "ReadWorkflow": {"workflow"},
    "AlertOperators": {"alerts"},
    "TakeMoney": {"payments"},
    "RunSites": {"platform"},
    "RunMachines": {"platform"},
    "BuildMachines": {"platform"},
    "SignCallbacks": {"callbacks"},
    "NamePages": {"page_tokens"},
    "SealSecrets": {"cipher"},
    "OpenSecrets": {"cipher"},
    "ReadSwitches": {"features"},
    "CheckDomains": {"registrar"},
    "FollowDomains": {"registrar", "zones"},
    "RegisterDomains": {"registrar", "zones"},
    "RenewDomains": {"registrar", "zones"},
}
ON_THE_TABLE = {"orders", "directory", "catalogue", "deliveries", "events", "counts"}
WITHOUT_RIGHTS = {"addresses", "registry_rules", "clock", "metrics"}


def prepared(source: Source) -> set[str]:
    """The ports that a function's module prepares when it is imported."""
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
    may = wanted | WITHOUT_RIGHTS | (ON_THE_TABLE if policies else set())
    problems = [
        f"{source.module} does not prepare {port}, which its rights are for" for port in wanted - known
    ]
    problems += [f"{source.module} prepares {port} without a right to it" for port in known - may]
    if policies and not known & ON_THE_TABLE:
        problems.append(f"{source.module} prepares nothing of the table, which every function reads")
    return sorted(problems)


def test_every_function_prepares_what_its_rights_are_for() -> None:
    template = read_template()
    sources = {
        source.module.split(".")[1]: source for source in project_modules() if source.layer == "functions"
    }
    problems: list[str] = []
    for properties in functions(template).values():
        folder = properties["CodeUri"].removeprefix("functions/")
        problems += unprepared(sources[folder], properties)
    assert not problems, listed(problems)


def test_what_is_missing_or_too_much_is_noticed() -> None:
    from tests.structure.project import parse

    source = parse(
        "functions.a.app", 'from hosting_orders import bootstrap\nbootstrap.prepare("orders", "zones")\n'
    )
    properties = {"Policies": [{"Ref": "WriteOrders"}, {"Ref": "TakeMoney"}]}
    assert unprepared(source, properties) == [
        "functions.a.app does not prepare payments, which its rights are for",
        "functions.a.app prepares zones without a right to it",
    ]
    assert unprepared(parse("functions.a.app", ""), {"Policies": [{"Ref": "ReadOrders"}]}) == [
        "functions.a.app prepares nothing of the table, which every function reads"
    ]
