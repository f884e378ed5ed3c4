"""The launch script of a Lightsail machine sets up the customer's login.

The script contains a password only as a hash.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hosting_orders.adapters.lightsail.launch import launch_script
from hosting_orders.adapters.lightsail.sha_crypt import hashed
from hosting_orders.domain.errors import ProvisioningFailedError
from hosting_orders.domain.providers import ServiceRequest
from tests.support.lightsail_shop import KEY, MACHINE, PASSWORD, REQUEST, Shop


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop


@pytest.mark.parametrize(
    "password, salt, expected",
    [
        # Values from the specification of SHA-crypt and from `openssl passwd -6`.
        (
            "Hello world!",
            "saltstring",
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        ),
        (
            "é€ü",
            "toto",
            "$6$toto$632M0hUvXPZ77xrSUcrKEqHhZPvz6MJw1p2zt5WDprVtykSsacmelHRNWCxa0EpkizJJglAdQmPJKMxN5Dxfe.",
        ),
    ],
)
def test_linux_can_verify_the_hash_of_a_password(password: str, salt: str, expected: str) -> None:
    assert hashed(password, salt) == expected


def test_no_password_is_sent_in_plain_text(shop: Shop) -> None:
    shop.platform.provision(replace(REQUEST, ssh_key=None, password=PASSWORD))

    script = shop.standin.machine(MACHINE).script
    assert PASSWORD not in script
    (hashed_line,) = [line for line in script.splitlines() if "chpasswd" in line]
    salt = hashed_line.partition("$6$")[2].partition("$")[0]
    assert hashed(PASSWORD, salt) in hashed_line


@pytest.mark.parametrize(
    "request_, code",
    [
        (replace(REQUEST, ssh_key=None), "no_login"),
        (replace(REQUEST, ssh_key=f"{KEY}\n{KEY}"), "invalid_ssh_key"),
    ],
)
def test_a_machine_without_a_login_is_not_built(shop: Shop, request_: ServiceRequest, code: str) -> None:
    with pytest.raises(ProvisioningFailedError, match=code):
        shop.platform.provision(request_)

    assert shop.left == (0, 0)


FAKED = """
hostnamectl() { echo "$2" > "$ROOT/hostname"; }
chpasswd() { cat > "$ROOT/passwords"; }
getent() { case $2 in
    0) echo "root:x:0:0:root:$ROOT/admin:/bin/sh" ;;
    1000) echo "debian:x:1000:1000::$ROOT/user:/bin/sh" ;;
esac; }
systemctl() { echo "$@" >> "$ROOT/restarts"; }
chown() { :; }
"""


@pytest.mark.parametrize("login", ["key", "password"])
def test_the_launch_script_sets_up_the_customers_login(tmp_path: Path, login: str) -> None:
    """Run the real script in a temporary directory with faked system commands. Check the files that sshd reads."""
    for folder in ("etc/ssh", "etc/cloud", "admin/.ssh", "user"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (tmp_path / "etc/ssh/sshd_config").write_text(
        "PermitRootLogin forced-commands-only\nPasswordAuthentication no\n"
    )
    (tmp_path / "admin/.ssh/authorized_keys").write_text(
        'command="echo Please login as admin" ssh-rsa AAAA\n'
    )
    given = {"ssh_key": KEY} if login == "key" else {"ssh_key": None, "password": PASSWORD}
    script = launch_script(replace(REQUEST, **given))
    script = script.replace("/etc/", f"{tmp_path}/etc/")

    subprocess.run(["sh", "-eu"], input=f"ROOT={tmp_path}\n{FAKED}\n{script}", text=True, check=True)

    first: dict[str, str] = {}
    for line in (tmp_path / "etc/ssh/sshd_config").read_text().splitlines():
        first.setdefault(*line.split())
    assert (tmp_path / "hostname").read_text() == "web-1.example.com\n"
    assert "127.0.1.1 web-1.example.com" in (tmp_path / "etc/hosts").read_text()
    assert (tmp_path / "restarts").read_text() == "restart sshd\n"
    if login == "key":
        assert (tmp_path / "admin/.ssh/authorized_keys").read_text() == f"{KEY}\n"
        assert KEY in (tmp_path / "user/.ssh/authorized_keys").read_text()
        assert first == {"PermitRootLogin": "prohibit-password", "PasswordAuthentication": "no"}
    else:
        assert (tmp_path / "passwords").read_text().startswith("root:$6$")
        assert first == {"PermitRootLogin": "yes", "PasswordAuthentication": "yes"}
