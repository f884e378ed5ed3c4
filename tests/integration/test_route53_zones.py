"""The Route 53 adapter of the Zones port, tested with moto."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws

from hosting_orders.adapters.route53.zones import Route53Zones
from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.ids import order_uuid
from hosting_orders.usecases.domain_ports import Zones


@pytest.fixture
def route53() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("route53", region_name="us-east-1")


def zones_of(route53: Any) -> list[str]:
    return [zone["Name"] for zone in route53.list_hosted_zones()["HostedZones"]]


def private_zone(route53: Any, name: str, reference: str) -> str:
    answer = route53.create_hosted_zone(
        Name=name,
        CallerReference=reference,
        HostedZoneConfig={"PrivateZone": True, "Comment": ""},
        VPC={"VPCRegion": "us-east-1", "VPCId": "vpc-1"},
    )
    return str(answer["HostedZone"]["Id"]).removeprefix("/hostedzone/")


class Replaced:
    """A client with some methods replaced."""

    def __init__(self, inner: Any, **methods: Callable[..., Any]) -> None:
        self._inner = inner
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        return self._methods.get(name) or getattr(self._inner, name)


def test_a_zone_is_created_when_there_is_none(route53: Any) -> None:
    zones: Zones = Route53Zones(route53)

    zone = zones.ensure("bakery.com", "order-1", ())

    (made,) = route53.list_hosted_zones()["HostedZones"]
    assert made["Id"] == f"/hostedzone/{zone.id}"
    assert (made["Name"], made["CallerReference"]) == ("bakery.com.", "order-1")
    assert not made["Config"]["PrivateZone"]
    servers = route53.get_hosted_zone(Id=zone.id)["DelegationSet"]["NameServers"]
    assert list(zone.nameservers) == servers
    assert len(servers) == 4


def test_a_repeated_call_returns_the_same_zone(route53: Any) -> None:
    zones = Route53Zones(route53)

    assert zones.ensure("bakery.com", "order-1", ()) == zones.ensure("bakery.com", "order-1", ())
    assert zones_of(route53) == ["bakery.com."]


def test_the_zone_to_which_the_registry_points_is_used(route53: Any) -> None:
    made = route53.create_hosted_zone(Name="bakery.com", CallerReference="RISWorkflow-RD:1")
    servers = [f"{server.upper()}." for server in reversed(made["DelegationSet"]["NameServers"])]

    zone = Route53Zones(route53).ensure("BAKERY.com", "order-1", servers)

    assert made["HostedZone"]["Id"] == f"/hostedzone/{zone.id}"
    assert zones_of(route53) == ["bakery.com."]


@pytest.mark.parametrize("servers", [(), ("ns1.former-registrar.example", "ns2.former-registrar.example")])
def test_a_zone_of_an_earlier_owner_is_never_used(route53: Any, servers: tuple[str, ...]) -> None:
    left = route53.create_hosted_zone(Name="bakery.com", CallerReference="an earlier owner's")

    zone = Route53Zones(route53).ensure("bakery.com", "order-1", servers)

    assert f"/hostedzone/{zone.id}" != left["HostedZone"]["Id"]
    assert zones_of(route53) == ["bakery.com.", "bakery.com."]
    assert Route53Zones(route53).ensure("bakery.com", "order-1", servers) == zone


@pytest.mark.parametrize(
    "other", ["akery.com", "bakery.com.ar", "bakery.community", "shop.bakery.com", "bakery.org", "aa.com"]
)
def test_a_zone_of_another_domain_is_not_used(route53: Any, other: str) -> None:
    route53.create_hosted_zone(Name=other, CallerReference="other")

    Route53Zones(route53).ensure("bakery.com", "order-1", ())

    assert sorted(zones_of(route53)) == sorted([f"{other}.", "bakery.com."])


def test_zones_listed_after_the_requested_domain_are_not_used(route53: Any) -> None:
    """Route 53's list also has the domains that sort after the requested domain. moto's list lacks them."""
    for name in ("bakery.community", "shop.bakery.com", "bakery.com"):
        route53.create_hosted_zone(Name=name, CallerReference=name)
    ids = {zone["Name"]: zone["Id"] for zone in route53.list_hosted_zones()["HostedZones"]}

    def listed(*names: str) -> Any:
        zones = [{"Id": ids[name], "Name": name, "CallerReference": "x", "Config": {}} for name in names]
        page = {"HostedZones": zones, "IsTruncated": False}
        return Replaced(route53, list_hosted_zones_by_name=lambda **_: page)

    servers = route53.get_hosted_zone(Id=ids["bakery.com."])["DelegationSet"]["NameServers"]
    ours = Route53Zones(listed("bakery.com.", "shop.bakery.com.", "bakery.community."))
    nobodys = Route53Zones(listed("bakery.community."))

    assert f"/hostedzone/{ours.ensure('bakery.com', 'order-1', servers).id}" == ids["bakery.com."]
    assert f"/hostedzone/{nobodys.ensure('bakery.com', 'order-1', ()).id}" not in ids.values()


def test_a_private_zone_of_the_domain_is_skipped(route53: Any) -> None:
    private = private_zone(route53, "bakery.com", "a")

    zone = Route53Zones(route53).ensure("bakery.com", "order-1", ())

    assert zone.id != private
    assert Route53Zones(route53).ensure("bakery.com", "order-1", ()) == zone


def test_each_order_uses_its_own_zone_of_a_domain(route53: Any) -> None:
    for number in range(4):
        route53.create_hosted_zone(Name="bakery.com", CallerReference=f"order-{number}")
    ids = {
        zone["CallerReference"]: zone["Id"].removeprefix("/hostedzone/")
        for zone in route53.list_hosted_zones()["HostedZones"]
    }
    zones = Route53Zones(route53)

    for number in range(4):
        assert zones.ensure("bakery.com", f"order-{number}", ()).id == ids[f"order-{number}"]
    assert len(zones_of(route53)) == 4


def test_a_public_zone_is_found_on_a_page_after_private_zones(route53: Any) -> None:
    for number in range(3):
        private_zone(route53, "bakery.com", f"private-{number}")
    made = route53.create_hosted_zone(Name="bakery.com", CallerReference="public")
    public, servers = made["HostedZone"]["Id"], made["DelegationSet"]["NameServers"]
    everything = route53.list_hosted_zones_by_name(DNSName="bakery.com.")["HostedZones"]
    everything.sort(key=lambda zone: not zone["Config"]["PrivateZone"])

    def one_at_a_time(**asked: str) -> dict[str, Any]:
        start = next((n for n, zone in enumerate(everything) if zone["Id"] == asked.get("HostedZoneId")), 0)
        page: dict[str, Any] = {"HostedZones": everything[start : start + 1], "IsTruncated": False}
        if start + 1 < len(everything):
            following = everything[start + 1]
            page |= {
                "IsTruncated": True,
                "NextDNSName": asked["DNSName"],
                "NextHostedZoneId": following["Id"],
            }
        return page

    paged = Replaced(route53, list_hosted_zones_by_name=one_at_a_time)

    assert f"/hostedzone/{Route53Zones(paged).ensure('bakery.com', 'order-1', servers).id}" == public


@pytest.mark.parametrize(
    "fault",
    [
        ReadTimeoutError(endpoint_url="https://route53"),
        ClientError({"Error": {"Code": "HostedZoneAlreadyExists", "Message": "exists"}}, "CreateHostedZone"),
        ClientError({"Error": {"Code": "Throttling", "Message": "slow"}}, "CreateHostedZone"),
    ],
    ids=["answer lost", "exists already", "throttled"],
)
def test_a_creation_error_does_not_lead_to_a_second_zone(route53: Any, fault: Exception) -> None:
    def applied_but_lost(**arguments: Any) -> Any:
        route53.create_hosted_zone(**arguments)
        raise fault

    zone = Route53Zones(Replaced(route53, create_hosted_zone=applied_but_lost)).ensure(
        "bakery.com", "order-1", ()
    )

    assert Route53Zones(route53).ensure("bakery.com", "order-1", ()) == zone
    assert zones_of(route53) == ["bakery.com."]


def failing(**_: Any) -> Any:
    raise ClientError({"Error": {"Code": "TooManyHostedZones", "Message": "limit"}}, "Any")


@pytest.mark.parametrize("method", ["create_hosted_zone", "list_hosted_zones_by_name"])
def test_a_refusal_by_route_53_is_a_fault(route53: Any, method: str) -> None:
    with pytest.raises(ProviderUnavailableError, match="TooManyHostedZones"):
        Route53Zones(Replaced(route53, **{method: failing})).ensure("bakery.com", "order-1", ())

    assert zones_of(route53) == []


# -- removing a zone ------------------------------------------------------------------------------------------------

OURS = order_uuid(4711)


def made(route53: Any, reference: str = OURS, name: str = "bakery.com") -> str:
    answer = route53.create_hosted_zone(Name=name, CallerReference=reference)
    return str(answer["HostedZone"]["Id"]).removeprefix("/hostedzone/")


def with_record(route53: Any, zone: str, name: str, kind: str, value: str) -> None:
    record = {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)


@pytest.mark.parametrize("reference", [OURS, "RISWorkflow-RD:0c9f"])
def test_the_removal_of_an_empty_zone_can_be_repeated(route53: Any, reference: str) -> None:
    zone = made(route53, reference)
    made(route53, "another", "bakery.community")

    assert Route53Zones(route53).remove_empty("bakery.com", zone)
    assert zones_of(route53) == ["bakery.community."]
    assert Route53Zones(route53).remove_empty("bakery.com", zone)


@pytest.mark.parametrize("reference", ["made by an operator", "4711", OURS.replace("-", ""), ""])
def test_only_a_zone_created_by_an_order_is_removed(route53: Any, reference: str) -> None:
    zone = made(route53, reference or str(uuid.uuid4()))

    assert not Route53Zones(route53).remove_empty("bakery.com", zone)
    assert zones_of(route53) == ["bakery.com."]


def test_a_zone_of_another_domain_is_not_removed(route53: Any) -> None:
    zone = made(route53, name="quill.com")

    assert not Route53Zones(route53).remove_empty("bakery.com", zone)
    assert zones_of(route53) == ["quill.com."]


@pytest.mark.parametrize(
    "record",
    [
        ("bakery.com", "A", "192.0.2.1"),
        ("www.bakery.com", "CNAME", "x.example"),
        ("shop.bakery.com", "NS", "ns.x.example"),
    ],
)
def test_a_zone_with_a_record_is_not_removed(route53: Any, record: tuple[str, str, str]) -> None:
    zone = made(route53)
    with_record(route53, zone, *record)

    assert not Route53Zones(route53).remove_empty("bakery.com", zone)
    assert zones_of(route53) == ["bakery.com."]


def test_a_zone_is_kept_if_a_record_is_added_during_removal(route53: Any) -> None:
    zone = made(route53)

    def late(**given: Any) -> Any:
        with_record(route53, zone, "bakery.com", "A", "192.0.2.1")
        return route53.delete_hosted_zone(**given)

    assert not Route53Zones(Replaced(route53, delete_hosted_zone=late)).remove_empty("bakery.com", zone)
    assert zones_of(route53) == ["bakery.com."]


@pytest.mark.parametrize("method", ["get_hosted_zone", "list_resource_record_sets", "delete_hosted_zone"])
@pytest.mark.parametrize("fault", [failing, None])
def test_no_zone_is_removed_after_a_fault(route53: Any, method: str, fault: Any) -> None:
    def silent(**_: Any) -> Any:
        raise ReadTimeoutError(endpoint_url="https://route53")

    zone = made(route53)
    with pytest.raises(ProviderUnavailableError):
        Route53Zones(Replaced(route53, **{method: fault or silent})).remove_empty("bakery.com", zone)

    assert zones_of(route53) == ["bakery.com."]
