"""One cart with a virtual machine of each plan, paid by one charge. Each machine comes from its plan's platform."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any, Protocol

from local.terminal import Terminal

_POLL_SECONDS = 0.5
_SECONDS = 120.0
_BAD_ENDS = frozenset(("failed", "cancelled"))
# A public key. Its private key was thrown away.
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINAmUhkUHOtXTgd5/H7wH5vhM7pfD3DidAlAvknMUDPG sample"


class _Client(Protocol):
    def get(self, path: str) -> Any: ...
    def place(self, order: Mapping[str, Any], path: str) -> Any: ...


class MachinesFailedError(Exception):
    """The message gives the reason."""


def sample_machines(about: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One machine of each plan. Every second machine has an SSH key."""
    tail = uuid.uuid4().hex[:6]
    machines = []
    for place, plan in enumerate(about["vm_plans"]):
        machine = {
            "hostname": f"{plan['short_name']}-{tail}.example.com",
            "plan": plan["short_name"],
            "image": plan["images"][0]["short_name"],
            "location": plan["locations"][0]["short_name"],
            "term": "monthly",
        }
        machines.append(machine if place % 2 == 0 else {**machine, "ssh_key": SSH_KEY})
    return machines


def show_sample_machines(client: _Client, terminal: Terminal) -> None:
    """Order the machines and show each one. Raises MachinesFailedError."""
    machines = sample_machines(client.get("/api/about"))
    terminal.heading(f"A virtual machine of each of {len(machines)} plans, in one charge: POST /api/carts")
    started = time.monotonic()
    accepted = client.place({"items": [{"vm": machine} for machine in machines]}, "/api/carts")
    terminal.event(time.monotonic() - started, f"accepted, payment {accepted['payment']['status']}")
    waiting = {
        machine["hostname"]: order["poll_url"]
        for machine, order in zip(machines, accepted["orders"], strict=True)
    }
    while waiting:
        for hostname, url in list(waiting.items()):
            shown = client.get(url)
            if shown["order"]["status"] in _BAD_ENDS:
                raise MachinesFailedError(f"{hostname} failed: {shown.get('failure')}")
            if shown["order"]["status"] == "completed":
                del waiting[hostname]
                terminal.event(time.monotonic() - started, f"{hostname}: {_delivered(shown['vm'])}")
        if time.monotonic() - started > _SECONDS:
            raise MachinesFailedError(f"Not completed after {_SECONDS:.0f} s: {', '.join(waiting)}.")
        time.sleep(_POLL_SECONDS)


def _delivered(vm: Mapping[str, Any]) -> str:
    ssh = vm["ssh_data"]
    size = f"{vm['cores']} vCPU, {vm['memory_mb']} MB, {vm['disk_gb']} GB"
    login = "its owner's SSH key" if vm["has_ssh_key"] else "a password"
    return f"{vm['image']} runs in {vm['location']} ({size}); {ssh['username']}@{ssh['ipaddr']} with {login}"
