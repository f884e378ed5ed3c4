"""The data files of the TLDs: the contact schemas that we publish, the files' fields, and when a file is read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from hosting_orders.adapters.route53 import tlds
from hosting_orders.adapters.route53.rules import TableRegistryRules
from hosting_orders.adapters.route53.tlds import ContactType, TldFacts

FOLDER = Path(tlds.__file__).parent / "tld_data"

# The SHA-256 of each published contact schema. Clients may store a schema, so every change must be intended.
# If the test fails, its message shows the new line for this table.
PUBLISHED = {
    "app": "b2e2c49df678c21383b578ca266b6724afbe9f9d9954a54ad03e785fa4c86880",
    "au": "11edc1fc1b903f09087af4d84e5dec8a4274f4c73d8658ad520a208c2243f746",
    "be": "159e573aa02284111ce790de86ee2823f422c7e0decb9bcdb1ebd6a4ef0cacb0",
    "ca": "24b3808aef0c8aac528dde7d604adc574ae2b06d34d40133371bb982253b36e2",
    "ch": "e83b1d4e4d2b19dbe9d991ed3d10ce165c93f3544c8776ec10fd1c1fd4ee197a",
    "co.uk": "e67847519146a7c5f055d00abe711226fdd9e0b9f69c4c41372897d68c12b893",
    "com": "dc61a047341f2ddf0e126bbb85747fa33110d0fc23dba969e11a72bfa498d0e0",
    "com.au": "0129493d4195a61b8ff83d47f627406df5fc53144e53342701a3f3cb28836834",
    "de": "b34c69ce360d2faf072e1a5c468f24d2a12fb343f84c452976972d01572d0795",
    "dev": "e300d59f1747f966bf4ac957675097daf34b6ebfae7a0bd902d84e5569c1f1e9",
    "es": "5eecef5fa836e0b383eba552f381aeb98cc078b693d6f1cae9e4285523757dc6",
    "eu": "f52d8a461577c7e09751ce5b7eef6f52110773c3af9ef9237f51ae7a65e09298",
    "fi": "9d80332ff9baa9cc2be06ebda8b6683b4b147fb27e565e4d0bfe8c686487df86",
    "fm": "c6a2c495a7c36e0dabdbc0f5ed93c30bbf922cf5e31b80d3cf473ebc134d13d1",
    "fr": "664a010aff144c72d5b55fd2d178721e5244d661d4f461f1aea838b530e81d5b",
    "in": "028d68b49fdb23995a88e176a43fe65a35c0c9967639e03d40c5190928ab6fff",
    "info": "d99e7b745742ec1118397ca3dfb947c64f05c943641b18831b3370620d81aa69",
    "io": "68d752a390bc6d0170d11179a0ffd89f3b2c6177fef005bf45b0b8c0a0ae9fd9",
    "it": "672168348e069b8679eaa3366a26e5f64299925ae3059d06314b9a77a332a478",
    "me": "a68514b5323f7eb852bd7475a519eeb4db40b2c22f636fc7624d467f642f3e35",
    "net": "be8f73699a0d1c59a5987f24c19b442ba6c00f63b6d89c39b1ae02a5e23e06e1",
    "net.au": "e963480e31a02d3f33f5e787a862065a8436374a469a027f31c4054b4bff11a8",
    "nl": "5e0067d75328396811dd7d75d8ffe3fcbd4d7dfb2acdbef946a9f92d05e12213",
    "online": "07a94138fa0ff777ee0f1d1b76c1af81936d6594529d02de8099f2c20cb7f0f4",
    "org": "53da63ed7d38e82bebdae80222eec861be0d8453cb40b6f29403d502278ec86a",
    "org.uk": "f5b8bd5885eac3a10db054462369c2fc915103f092b53ec2872d886fbacd7329",
    "se": "8cc45bdc549b683b705f7d0bc044c8415cb363b46381763f90a86d0d0255c6dc",
    "shop": "212e5fb254aac7deb61957fbb31105348116ced35c3853cb5cfe3be2157549e4",
    "store": "c5ea3eeb88380d7cdc0123aeb1963d93aad724733b16a623bd65d58c2d86575e",
    "uk": "6016caa684114cdbb50b997b8b98741e077757422c50dabeb806cec98f447e13",
    "us": "b18fed8b0e9e3d00aadecb8970966b730c1881dcc981b20ca9544f3737a1e0c8",
    "xyz": "189582dcf33b96d53a268b7f226a5ffd11ae53a64c6baa6e08322d0f4bf97eaf",
}


def published(tld: str) -> str:
    rules = TableRegistryRules().rules(tld)
    assert rules is not None
    text = json.dumps(rules.contact_schema, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("tld", PUBLISHED)
def test_the_published_schema_has_not_changed(tld: str) -> None:
    assert f'"{tld}": "{published(tld)}"' == f'"{tld}": "{PUBLISHED[tld]}"'


def test_every_tld_file_has_a_line_in_the_table_of_schemas() -> None:
    assert tlds.known() == set(PUBLISHED) == {path.stem for path in FOLDER.iterdir()}


def read(tld: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FOLDER / f"{tld}.json").read_text())
    return document


@pytest.mark.parametrize("tld", PUBLISHED)
def test_a_file_has_only_known_fields_and_no_default_values(tld: str) -> None:
    document = read(tld)
    if "like" in document:
        assert set(document) <= {"$comment", "like"} and "like" not in read(document["like"])
        return
    known = {one.name for one in fields(TldFacts)} - {"name"}
    assert set(document) <= {"$comment", *known}
    assert set(document.get("contact_type", {})) <= {one.name for one in fields(ContactType)}
    assert set(document.get("parameters", {})) == set(document.get("extra_properties", {}))
    for name, value in document.items():
        facts = {one.name: one for one in fields(TldFacts)}
        assert name == "$comment" or value != facts[name].default, f"{name} states its default value"


@pytest.mark.parametrize("strange", ["", "..", "../tlds", "zzz", "com.json", "COM", "a/b"])
def test_a_tld_without_a_file_has_no_facts(strange: str) -> None:
    with pytest.raises(KeyError):
        tlds.facts(strange)


def test_a_lookup_reads_only_the_files_of_its_tld(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    real = tlds._read
    monkeypatch.setattr(tlds, "_read", lambda tld: asked.append(tld) or real(tld))
    tlds.facts.cache_clear()
    rules = TableRegistryRules()
    assert "com" in rules.known()
    assert asked == []
    rules.rules("de")
    rules.rules("de")
    assert asked == ["de"]
    rules.rules("co.uk")
    assert asked == ["de", "co.uk", "uk"]
