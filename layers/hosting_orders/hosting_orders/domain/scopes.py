"""What a key with scopes may do."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """`<area>:manage` includes every scope of its area."""

    about: str

    def __new__(cls, word: str, about: str) -> Scope:
        scope = str.__new__(cls, word)
        scope._value_ = word
        scope.about = about
        return scope

    BILLING_READ = "billing:read", "Read orders and carts."
    ACCOUNT_READ = "account:read", "Read what the account may order, and the prices."
    TASKS_READ = "tasks:read", "Read the tasks of the last days."
    VPS_PROVISION = "vps:provision", "Order and read virtual machines and sites through `/api/v1` and `/mcp`."
    VPS_MANAGE = "vps:manage", "All of `vps:provision`."
    DOMAINS_PROVISION = "domains:provision", "Order and read domains through `/api/v1` and `/mcp`."
    DOMAINS_MANAGE = "domains:manage", "All of `domains:provision`."
    KEYS_MANAGE = "keys:manage", "List, make, rotate and revoke API keys."
