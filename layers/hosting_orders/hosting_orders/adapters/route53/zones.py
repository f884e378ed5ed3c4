"""Hosted zones on Route 53.

Route 53 creates a zone when it registers a domain, but not when it transfers a domain. An earlier owner's zone is never
reused (docs/decisions.md, 29).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.ids import order_uuid, parse_order_id
from hosting_orders.domain.registration import Zone


class Route53Zones:
    """Errors are always worth a retry, because the customer already owns the domain."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def ensure(self, name: str, reference: str, nameservers: Sequence[str]) -> Zone:
        found = self._find(name, reference, nameservers)
        if found is not None:
            return found
        try:
            answer = self._client.create_hosted_zone(Name=name, CallerReference=reference)
        except (ClientError, BotoCoreError) as fault:
            # This request or a concurrent one may still have created the zone.
            found = self._find(name, reference, nameservers)
            if found is None:
                raise _unavailable("create_hosted_zone", fault) from None
            return found
        return _zone(answer["HostedZone"], answer.get("DelegationSet"))

    def remove_empty(self, name: str, zone_id: str) -> bool:
        try:
            zone = self._client.get_hosted_zone(Id=zone_id)["HostedZone"]
            if zone["Name"].lower() != f"{name}." or not _made_for_an_order(zone["CallerReference"]):
                return False
            # Every zone has an NS and an SOA record, which come first in the list. A third record is the customer's.
            listed = self._client.list_resource_record_sets(HostedZoneId=zone_id, MaxItems="3")
            records = {(record["Name"], record["Type"]) for record in listed["ResourceRecordSets"]}
            if records != {(zone["Name"], "NS"), (zone["Name"], "SOA")}:
                return False
            # Route 53 refuses the deletion if a record was added in the meantime.
            self._client.delete_hosted_zone(Id=zone_id)
        except ClientError as refusal:
            code = refusal.response.get("Error", {}).get("Code")
            if code == "NoSuchHostedZone":
                return True
            if code in ("HostedZoneNotEmpty", "InvalidInput"):
                return False
            raise _unavailable("remove_empty", refusal) from None
        except BotoCoreError as fault:
            raise _unavailable("remove_empty", fault) from None
        return True

    def _find(self, name: str, reference: str, nameservers: Sequence[str]) -> Zone | None:
        public = [zone for zone in self._named(name) if not zone.get("Config", {}).get("PrivateZone", False)]
        wanted = {server.lower().rstrip(".") for server in nameservers}
        # First check the zone that was created with this `reference`, then the others, always in the same order.
        for listed in sorted(public, key=lambda zone: (zone.get("CallerReference") != reference, zone["Id"])):
            answer = self._ask("get_hosted_zone", Id=listed["Id"])
            zone = _zone(answer["HostedZone"], answer.get("DelegationSet"))
            if listed.get("CallerReference") == reference or (wanted and set(zone.nameservers) == wanted):
                return zone
        return None

    def _named(self, name: str) -> Iterator[Mapping[str, Any]]:
        """Route 53's list is sorted and starts at `DNSName`."""
        wanted = f"{name.lower().rstrip('.')}."
        arguments = {"DNSName": wanted}
        while True:
            page = self._ask("list_hosted_zones_by_name", **arguments)
            for zone in page.get("HostedZones", ()):
                if zone["Name"].lower() != wanted:
                    return
                yield zone
            if not page.get("IsTruncated"):
                return
            following = {"DNSName": page["NextDNSName"], "HostedZoneId": page["NextHostedZoneId"]}
            if following == arguments:
                raise ProviderUnavailableError("dns zones: the list does not end")
            arguments = following

    def _ask(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = getattr(self._client, method)(**arguments)
        except (ClientError, BotoCoreError) as fault:
            raise _unavailable(method, fault) from None
        return answer


def _made_for_an_order(reference: str) -> bool:
    # Either we created the zone for an order, or the registrar created it when it registered the domain.
    number = parse_order_id(reference)
    return reference.startswith("RISWorkflow-RD:") or (number is not None and reference == order_uuid(number))


def _zone(zone: Mapping[str, Any], delegation: Mapping[str, Any] | None) -> Zone:
    servers = (delegation or {}).get("NameServers", ())
    return Zone(
        id=str(zone["Id"]).removeprefix("/hostedzone/"),
        nameservers=tuple(str(server).lower().rstrip(".") for server in servers),
    )


def _unavailable(method: str, fault: ClientError | BotoCoreError) -> ProviderUnavailableError:
    if isinstance(fault, ClientError):
        return ProviderUnavailableError(f"dns zones: {method} {fault.response.get('Error', {}).get('Code')}")
    return ProviderUnavailableError(f"dns zones: {method} {type(fault).__name__}")
