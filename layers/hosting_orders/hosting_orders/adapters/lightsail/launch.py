"""The script that a new machine runs once as root: its name, and who may log in.

Every process on the machine can read it from the metadata service for ever, so no password is in it, only its hash.
It is plain `sh` and not cloud-config: Lightsail puts commands of its own in front, which begin with `#!/bin/sh`.
"""

from __future__ import annotations

import shlex

from hosting_orders.domain.errors import ProvisioningFailedError
from hosting_orders.domain.providers import ServiceRequest

from .sha_crypt import new_hash

USERNAME = "root"
"""Who logs in, with the key or with the password."""

_NAME = """\
hostnamectl set-hostname {name} || hostname {name}
mkdir -p /etc/cloud/cloud.cfg.d
printf 'preserve_hostname: true\\n' > /etc/cloud/cloud.cfg.d/99-hosting-orders.cfg
printf '127.0.1.1 %s\\n' {name} >> /etc/hosts
"""
# Root's file is replaced: cloud-init puts a command before each key there that only says to log in as another user.
_PUBLIC_KEY = """\
root=$(getent passwd 0 | cut -d: -f6)
for home in "$root" "$(getent passwd 1000 | cut -d: -f6)"; do
    [ -d "$home" ] || continue
    mkdir -p "$home/.ssh"
    chmod 700 "$home/.ssh"
    [ "$home" != "$root" ] || : > "$home/.ssh/authorized_keys"
    printf '%s\\n' {key} >> "$home/.ssh/authorized_keys"
    chmod 600 "$home/.ssh/authorized_keys"
    chown -R "$(stat -c %u:%g "$home")" "$home/.ssh"
done
"""
_HASH = """\
printf 'root:%s\\n' {hashed} | chpasswd -e
"""
# The first value of a setting counts, and an Include of other files comes before or after: so these go on top.
_SSHD = """\
config=/etc/ssh/sshd_config
{{ printf '%s\\n' {lines}; cat "$config"; }} > "$config.new" && cat "$config.new" > "$config"
rm -f "$config.new"
systemctl restart sshd || systemctl restart ssh
"""


def launch_script(request: ServiceRequest) -> str:
    """The script for the machine of this request.

    Raises ProvisioningFailedError when it would leave no way to log in, or when the key is not one line: a second line
    would be a second key.
    """
    key, password = request.ssh_key, request.password
    if not key and not password:
        raise ProvisioningFailedError("The machine has neither an SSH key nor a password (no_login).")
    if key and not key.isprintable():
        raise ProvisioningFailedError("The SSH key is not one line (invalid_ssh_key).")
    parts = ["#!/bin/sh\numask 077\n", _NAME.format(name=shlex.quote(request.name))]
    if key:
        parts.append(_PUBLIC_KEY.format(key=shlex.quote(key)))
    if password:
        parts.append(_HASH.format(hashed=shlex.quote(new_hash(password))))
    parts.append(_SSHD.format(lines=shlex.join(_sshd_lines(with_password=bool(password)))))
    return "".join(parts)


def _sshd_lines(*, with_password: bool) -> list[str]:
    if with_password:
        return ["PermitRootLogin yes", "PasswordAuthentication yes"]
    return ["PermitRootLogin prohibit-password"]
