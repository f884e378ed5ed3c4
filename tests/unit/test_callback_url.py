"""Which callback URLs are accepted, and which addresses count as public."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting_orders.domain.callback_url import (
    MAX_AUTHORIZATION_LENGTH,
    MAX_URL_LENGTH,
    authorization_problem,
    is_public,
    parse,
    url_problem,
)

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "100.63.255.255",
    "100.128.0.1",
    "172.32.0.1",
    "2606:4700:4700::1111",
    "2a00:1450::1",
]

NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",  # carrier-grade NAT
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",  # instance metadata
    "169.254.170.2",  # container credentials
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",  # IPv4-compatible
    "::8.8.8.8",
    "::ffff:127.0.0.1",  # IPv4-mapped
    "::ffff:8.8.8.8",
    "::ffff:0:8.8.8.8",
    "64:ff9b::169.254.169.254",  # NAT64
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::10.0.0.1",
    "100::1",
    "2001::1",  # Teredo
    "2001:0:53aa:64c:0:7fff:f5ff:fffe",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",  # 6to4 of 127.0.0.1
    "2002:a9fe:a9fe::1",
    "2002:808:808::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",  # instance metadata
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700:4700::1111%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_globally_reachable_addresses_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_special_purpose_addresses_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@given(st.ip_addresses())
def test_every_address_that_counts_as_public_is_global_in_python(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if is_public(address):
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_reserved
        assert not address.is_link_local


@given(
    st.ip_addresses(v=4), st.sampled_from(["::", "::ffff:0:0", "64:ff9b::", "64:ff9b:1::", "::ffff:0:0:0"])
)
def test_an_ipv4_address_inside_an_ipv6_address_is_not_public(
    inner: ipaddress.IPv4Address, prefix: str
) -> None:
    assert not is_public(ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) + int(inner)))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_inside_6to4_or_teredo_is_not_public(inner: ipaddress.IPv4Address) -> None:
    six_to_four = (0x2002 << 112) | (int(inner) << 80) | 1
    teredo = (0x20010000 << 96) | (0x41000000 << 64) | (int(inner) ^ 0xFFFFFFFF)

    assert not is_public(ipaddress.IPv6Address(six_to_four))
    assert not is_public(ipaddress.IPv6Address(teredo))


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com",
        "https://hooks.example.com/",
        "https://HOOKS.Example.COM/a/b?c=d&e=%20f",
        "https://hooks.example.com:443/x",
        "https://hooks.example.com:8443/x",
        "https://xn--bcher-kva.example/x",
        "https://bücher.example/x",
        "https://8.8.8.8/x",
        "https://[2606:4700:4700::1111]/x",
        "https://1.example.com/x",
        "https://localhost.example.com/x",
        "https://a.example/@home:x",
    ],
)
def test_a_public_https_url_is_accepted(url: str) -> None:
    assert url_problem(url) is None
    assert url_problem(url, allow_loopback=True) is None


REFUSED = {
    "": "characters",
    "https://h.example/" + "x" * MAX_URL_LENGTH: "characters",
    "http://hooks.example.com/": "https",
    "ftp://hooks.example.com/": "https",
    "file:///etc/passwd": "https",
    "gopher://hooks.example.com/": "https",
    "//hooks.example.com/": "https",
    "hooks.example.com": "https",
    "https:hooks.example.com": "https",
    "https://": "https",
    "https:///x": "https",
    "https://hooks.example.com:80/": "port",
    "https://hooks.example.com:22/": "port",
    "https://hooks.example.com:0/": "port",
    "https://hooks.example.com:65536/": "malformed",
    "https://hooks.example.com:４４３/": "malformed",
    "https://hooks.example.com:https/": "malformed",
    "https://user:pass@hooks.example.com/": "credentials",
    "https://user@hooks.example.com/": "credentials",
    "https://@hooks.example.com/": "credentials",
    "https://8.8.8.8@169.254.169.254/": "credentials",
    "https://hooks.example.com/#part": "fragment",
    "https://hooks.example.com/#": "fragment",
    "https://hooks.example.com#@169.254.169.254/": "fragment",
    "https://hooks.example.com/a\r\nX-Evil: 1": "control",
    "https://hooks.example.com/a\tb": "control",
    "https://hooks.exam\nple.com/": "control",
    "https://hooks.example.com/a b": "control",
    " https://hooks.example.com/": "control",
    "https://hooks.example.com/\x00": "control",
    "https://hooks.example.com\\@169.254.169.254/": "backslash",
    "https://hooks.example.com/\u2028": "control",
    "https://hooks.example.com/žába": "percent-encoded",
    "https://hooks.example.com/?q=žába": "percent-encoded",
    "https://[::1": "malformed",
    "https://[v1.x]/": "malformed",
    "https://[hooks.example.com]/": "malformed",
    "https://[8.8.8.8]/": "malformed",
    "https://hooks.example.com\ud800.example/": "malformed",
    "https://localhost/": "public name",
    "https://LOCALHOST/": "public name",
    "https://a.localhost/": "public name",
    "https://intranet/": "public name",
    "https://db.internal/": "public name",
    "https://printer.local/": "public name",
    "https://metadata.google.internal/": "public name",
    "https://hooks.example.com./": "valid name",
    "https://hooks..example.com/": "valid name",
    "https://-hooks.example.com/": "valid name",
    "https://ho_oks.example.com/": "valid name",
    "https://ho\u200boks.example.com/": "valid name",
    "https://ho\u202eoks.example.com/": "valid name",
    "https://%31%32%37.example.com/": "valid name",
    "https://" + "a" * 64 + ".example.com/": "valid name",
    "https://" + "abcdefgh." * 30 + "example.com/": "valid name",
    "https://2130706433/": "plainly",
    "https://0x7f000001/": "plainly",
    "https://017700000001/": "plainly",
    "https://127.1/": "plainly",
    "https://0x7f.0.0.1/": "plainly",
    "https://0177.0.0.1/": "plainly",
    "https://127.0.0.0x1/": "plainly",
    "https://256.256.256.256/": "plainly",
}


@pytest.mark.parametrize("url, reason", REFUSED.items())
def test_an_invalid_url_is_refused_with_the_reason(url: str, reason: str) -> None:
    problem = url_problem(url)

    assert problem is not None
    assert reason in problem


@pytest.mark.parametrize("address", [address for address in NOT_PUBLIC if "%" not in address])
def test_a_url_with_a_non_public_address_is_refused(address: str) -> None:
    host = f"[{address}]" if ":" in address else address

    assert url_problem(f"https://{host}/x") == "the address is not public"


LOOPBACK = [
    "http://127.0.0.1:9009/x",
    "http://localhost:9009/",
    "https://127.0.0.1:1/",
    "http://[::1]:9/",
    "http://localhost/",
]


@pytest.mark.parametrize("url", LOOPBACK)
def test_loopback_is_accepted_only_if_it_is_allowed(url: str) -> None:
    assert url_problem(url, allow_loopback=True) is None
    assert url_problem(url) is not None


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "http://10.0.0.1/",
        "https://169.254.169.254/",
        "https://hooks.example.com:9/",
    ],
)
def test_other_urls_are_still_refused_if_loopback_is_allowed(url: str) -> None:
    assert url_problem(url, allow_loopback=True) is not None


def test_a_url_is_split_into_the_parts_of_the_request() -> None:
    url = parse("https://HOOKS.example.com:8443?a=b")

    assert (url.scheme, url.host, url.port, url.target) == ("https", "hooks.example.com", 8443, "/?a=b")


@given(st.text(max_size=60))
def test_any_text_is_checked_without_an_exception(text: str) -> None:
    for url in (text, f"https://{text}", f"https://h.example/{text}", f"https://h.example:{text}/"):
        problem = url_problem(url)
        if problem is None:
            assert url.isprintable()
            assert "\\" not in url


@pytest.mark.parametrize(
    "value", ["", "Bearer 12345", "Token abc", "Basic dXNlcjpwYXNz", "x" * MAX_AUTHORIZATION_LENGTH]
)
def test_an_ordinary_authorization_header_is_accepted(value: str) -> None:
    assert authorization_problem(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "Bearer 1\r\nX-Evil: 1",
        "Bearer 1\n",
        "Bearer\t1",
        "Bearer \x00",
        "Bearer \x7f",
        "Bearer \x85x",
        "Bearer žába",
        "Bearer \u2028",
        "x" * (MAX_AUTHORIZATION_LENGTH + 1),
    ],
)
def test_an_error_does_not_repeat_an_invalid_header(value: str) -> None:
    problem = authorization_problem(value)

    assert problem is not None
    assert value not in problem
