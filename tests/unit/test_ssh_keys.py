"""Which public SSH keys are accepted. Most test keys come from ssh-keygen. The function `line` builds the others."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting_orders.domain.ssh_keys import MAX_LENGTH, normal_ssh_key

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINAmUhkUHOtXTgd5/H7wH5vhM7pfD3DidAlAvknMUDPG"
NISTP256 = (
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBNU3UcKNpsdGBOwLWvlWm0bf"
    "lwjlnX56lNawucFUB3UhEluIStVZsZeJaDQOjmy2oM9tYH0hvwQ8rEzot81p7uk="
)
NISTP384 = (
    "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBBh/mr7NnzjJSXdPBFCzMJyn"
    "Dukd3wT1cGiuXTxHlfgyWY8Kh9YDp2qshknsPsbWhQUt5qtUzP3rwss0pNvyBKSH+jbt5JpEovkE5huDDwn81kpjU6zyTc5O"
    "Mn/urqzByA=="
)
NISTP521 = (
    "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAHbn4J6crWqreZBJjUhgHly"
    "vBoIw0TpMmgx5Vl3mt/Wg4hoWLeogW076CiV0oGHLYsbb+Sy90UVCUDIhe9qlUat2wADcMiNEFWgVDhJ8N3HVUEk3WtWIaAd"
    "WMI75PuyzgIq2+VI8sKvPwPYKv5HxzempSFgeMqXmN2INVhSvJyoTORiVw=="
)
RSA_1024 = (
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDsrDDIHXCsEdehKpCIaJbgRauWWVeX5LLbVvJwPjfafYaZoPupGTNDHiPX"
    "+UEXq4Dz/bJIW0W37P+aebSL+4UJZDEJQPe808osdsyC3j2R3NGIcb2FpCL8ijl6XByh2TR36mVmI4l0EYVhI4wFYCJWSHgy"
    "D9azDwc+wlaRB4es/w=="
)
RSA_2048 = (
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDFGL4+K6KbBbqzW6laZReyt3LY5HmJEdLqOsUyyvPl+P0v77l3ItwkRmd1"
    "KMQgkCBt+Hn38K81krWd1dldgMhGslT3kJ9MAnn+NS4sGIF7xxsgyncWLhhPToNOMbr6XnCR5KPLLUo2DVx5NzMju7Ga1Ppd"
    "e0MVnoKNcC9Sv9U60JfVG2Wi/wsffAzD+xt0xdgYzVjlpFd8dUC6BmjeXj8JP9iCPYXlt8Iw60mIlTKe84bsBTM4nW2lh1li"
    "h4xJZpoSa2286jF9UEDCqYTilLoAbl1+g7Cfa2TCspcdWl1UBE3AhYTrSqu/j3cLFaD3MeStqRTI6flktkVIW4EbFcWx"
)


def line(kind: str, *fields: bytes) -> str:
    """Return a key of the type `kind`. Its base64 part encodes the type and then `fields`."""
    wire = b"".join(len(field).to_bytes(4, "big") + field for field in (kind.encode(), *fields))
    return f"{kind} {base64.b64encode(wire).decode()}"


POINT = b"\x04" + b"p" * 64
SK_ED25519 = line("sk-ssh-ed25519@openssh.com", b"k" * 32, b"ssh:")
SK_NISTP256 = line("sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", POINT, b"ssh:")
GOOD = [ED25519, NISTP256, NISTP384, NISTP521, RSA_2048, SK_ED25519, SK_NISTP256]
WIRE = base64.b64decode(ED25519.split()[1])


@pytest.mark.parametrize("key", GOOD, ids=lambda key: key.split()[0])
def test_a_key_loses_only_its_comment_and_extra_spaces(key: str) -> None:
    assert normal_ssh_key(key) == key
    assert normal_ssh_key(f"{key} ada@example.com, her laptop") == key
    assert normal_ssh_key(f" {key.replace(' ', '  ')} ") == key


def test_a_normalised_key_is_unchanged_and_base64_is_strict() -> None:
    kind, text = ED25519.split()
    assert normal_ssh_key(normal_ssh_key(ED25519)) == ED25519
    with pytest.raises(ValueError, match="base64"):
        normal_ssh_key(f"{kind} {text}!")


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("", "must begin with one of"),
        ("my key", "must begin with one of"),
        (ED25519.split()[1], "must begin with one of"),
        ("ssh-dss AAAAB3NzaC1kc3M=", "must begin with one of"),
        (f'command="rm -rf /" {ED25519}', "must begin with one of"),
        (f"no-pty,{ED25519}", "must begin with one of"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "must begin with one of"),
        (f"{ED25519}\n", "one line"),
        (f"{ED25519}\n{RSA_2048}", "one line"),
        (f"{ED25519}\r", "one line"),
        (f"{ED25519} a\x00b", "one line"),
        (f"{ED25519} a\u2028b", "one line"),
        (ED25519.replace(" ", "\t"), "one line"),
        ("ssh-ed25519", "not a key of this type"),
        ("ssh-ed25519 AAAA*AAA", "base64"),
        ("ssh-ed25519 AAAAB", "base64"),
        ("ssh-ed25519 \u00e4\u00e4\u00e4\u00e4", "base64"),
        (ED25519.replace("ssh-ed25519", "ssh-rsa"), "begins with ssh-rsa, but its base64 part is not"),
        (NISTP256.replace("nistp256", "nistp384", 1), "not a key of this type"),
        (RSA_1024, "2048 to 16384 bits"),
        (line("ssh-rsa", b"\x01\x00\x01", b"\x01" * 2049), "2048 to 16384 bits"),
        (line("ssh-rsa", b"\x01\x00\x01", b"\x81" * 256), "incomplete or malformed"),
        (line("ssh-rsa", b"\x01", b"\x00" + b"\x81" * 256), "incomplete or malformed"),
        (line("ssh-rsa", b"\x04", b"\x00" + b"\x81" * 256), "incomplete or malformed"),
        (line("ssh-rsa", b"\x03", b"\x00" + b"\x82" * 256), "incomplete or malformed"),
        (line("ssh-rsa", b"\x03", b""), "incomplete or malformed"),
        (line("ssh-rsa", b"\x03"), "incomplete or malformed"),
        (line("ssh-ed25519", b"k" * 31), "incomplete or malformed"),
        (line("ssh-ed25519", b"k" * 32, b"more"), "incomplete or malformed"),
        (line("ecdsa-sha2-nistp256", b"nistp384", POINT), "curve"),
        (line("ecdsa-sha2-nistp256", b"nistp256", b"\x02" + b"p" * 64), "incomplete or malformed"),
        (line("ecdsa-sha2-nistp256", b"nistp256", POINT + b"p"), "incomplete or malformed"),
        (line("ecdsa-sha2-nistp256", b"nistp256"), "incomplete or malformed"),
        (line("sk-ssh-ed25519@openssh.com", b"k" * 32, b""), "incomplete or malformed"),
        (line("sk-ssh-ed25519@openssh.com"), "incomplete or malformed"),
        (line("sk-ecdsa-sha2-nistp256@openssh.com", b"nistp384", POINT, b"ssh:"), "curve"),
        (ED25519 + " " + "c" * MAX_LENGTH, "at most 8192 characters"),
    ],
)
def test_an_unusable_key_is_refused_with_the_reason(key: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        normal_ssh_key(key)


@pytest.mark.parametrize("length", range(len(WIRE)))
def test_a_truncated_key_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=r"incomplete or malformed|not a key of this type"):
        normal_ssh_key("ssh-ed25519 " + base64.b64encode(WIRE[:length]).decode())


@given(
    st.text(max_size=200)
    | st.binary(max_size=200).map(lambda wire: f"ssh-rsa {base64.b64encode(wire).decode()}")
)
def test_nonsense_raises_only_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        normal_ssh_key(text)
