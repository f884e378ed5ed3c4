"""The script that a new machine runs once as root: it sets the host name and the login (docs/lightsail.md).

It holds only the password's hash, because every process on the machine can read the script. It is plain `sh`, because
Lightsail puts its own `#!/bin/sh` commands before it.
"""

from __future__ import annotations

import shlex

from hosting_orders.domain.errors import ProvisioningFailedError
from hosting_orders.domain.providers import ServiceRequest

from .sha_crypt import new_hash

USERNAME = "root"

_NAME = """\
hostnamectl set-hostname {name} || hostname {name}
mkdir -p /etc/cloud/cloud.cfg.d
printf 'preserve_hostname: true\\n' > /etc/cloud/cloud.cfg.d/99-hosting-orders.cfg
printf '127.0.1.1 %s\\n' {name} >> /etc/hosts
"""
# In root's `authorized_keys`, cloud-init puts a command before each key, and that command refuses the login. So the
# script empties this file before it adds the customer's key.
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
# sshd uses the first value that it reads for a setting. An included file may have the same settings, so these lines are
# put at the top.
_SSHD = """\
config=/etc/ssh/sshd_config
{{ printf '%s\\n' {lines}; cat "$config"; }} > "$config.new" && cat "$config.new" > "$config"
rm -f "$config.new"
systemctl restart sshd || systemctl restart ssh
"""


def launch_script(request: ServiceRequest) -> str:
    """Raises ProvisioningFailedError if there is neither key nor password, or if the key has several lines.
    A second line would be a second key.
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
