"""The result of `make build` has bytecode that Lambda uses, and everything that the functions import.

Build the packages with `make build` and `local/toolchain/sam_build.sh --here`. Without current packages, the tests
that need them are skipped. With `PACKAGES_ARE_BUILT=1`, as in .ci/run, these tests fail instead.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.toolchain.release import stamp
from tests.structure.project import (
    PACKAGE,
    ROOT,
    functions,
    listed,
    project_modules,
    read_template,
    resources,
    tracked_files,
)

PACKAGING = "local/toolchain/package"
PROBE = ROOT / "tests" / "support" / "artifact_probe.py"
LAYERS = ("DependenciesLayer", "HostingOrdersLayer")
# importlib.util.MAGIC_NUMBER of every Python 3.13.
MAGIC_OF_3_13 = (3571).to_bytes(2, "little") + b"\r\n"
UNCHECKED_HASH = 1


def built(folder: str) -> Path:
    """Return the `sam build` folder of these sources.

    If the folder is missing, the test is skipped, or fails if PACKAGES_ARE_BUILT is set.
    """
    path = ROOT / ".aws-sam" / folder
    template = path / "template.yaml"
    release = stamp(ROOT, os.environ.get("RELEASE", ""))
    if template.exists() and f"RELEASE: {release}\n" in template.read_text():
        return path
    missing = f".aws-sam/{folder} is not built from these sources"
    if os.environ.get("PACKAGES_ARE_BUILT"):
        pytest.fail(missing)
    pytest.skip(missing)


# -- rules --------------------------------------------------------------------------------------------


def packages_without_bytecode(folder: Path, magic: bytes, tag: str) -> list[str]:
    """Name the modules whose bytecode Lambda would not use.

    Lambda ignores bytecode of another Python version or of another source text. It also ignores bytecode that Python
    compares with the date of the source file, because SAM's zip changes that date.
    """
    problems = []
    for source in sorted(folder.rglob("*.py")):
        compiled = source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"
        where = source.relative_to(folder)
        if not compiled.exists():
            problems.append(f"{where}: has no bytecode")
            continue
        header = compiled.read_bytes()[:16]
        if header[:4] != magic:
            problems.append(f"{where}: has the bytecode of another Python")
        elif int.from_bytes(header[4:8], "little") != UNCHECKED_HASH:
            problems.append(f"{where}: its bytecode is not of the kind unchecked-hash")
        elif header[8:16] != importlib.util.source_hash(source.read_bytes()):
            problems.append(f"{where}: has the bytecode of another source")
    return problems


def aws_services(text: str) -> set[str]:
    """The services of a module's boto3 clients: `boto3.client("kms")`, `aws_client("kms")` and so on."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if re.fullmatch(r"\w*(aws_)?client|resource", name) and isinstance(node.args[0].value, str):
                found.add(node.args[0].value)
    return found


def services_used() -> set[str]:
    return set().union(*(aws_services(path.read_text()) for path in PACKAGE.rglob("*.py")))


# -- the project, without a build ---------------------------------------------------------------------


def test_our_makefile_packages_each_function_and_layer() -> None:
    template = read_template()
    problems = []
    for kind in ("AWS::Serverless::Function", "AWS::Serverless::LayerVersion"):
        for name, resource in resources(template, kind).items():
            metadata = resource.get("Metadata", {})
            if (metadata.get("BuildMethod"), metadata.get("ContextPath")) != ("makefile", PACKAGING):
                problems.append(
                    f"{name}: its Metadata must say BuildMethod: makefile, ContextPath: {PACKAGING}"
                )
    assert not problems, listed(problems)


def test_each_architecture_has_pip_platform_tags() -> None:
    template = read_template()
    for architecture in template["Parameters"]["Architecture"]["AllowedValues"]:
        platforms = (ROOT / "layers" / "dependencies" / architecture / "platforms").read_text().split()
        machine = "aarch64" if architecture == "arm64" else architecture
        assert platforms
        assert all(re.fullmatch(rf"manylinux\w+_{machine}", platform) for platform in platforms)


def test_packages_are_built_for_the_python_of_the_functions() -> None:
    script = (ROOT / PACKAGING / "package.sh").read_text()
    runtimes = {properties["Runtime"] for properties in functions(read_template()).values()}
    assert {f"python{version}" for version in re.findall(r"^runs_on=(\S+)", script, re.MULTILINE)} == runtimes


def test_the_packaged_botocore_has_the_services_that_we_use() -> None:
    script = (ROOT / PACKAGING / "package.sh").read_text()
    (kept,) = re.findall(r'^aws_services="([^"]+)"$', script, re.MULTILINE)
    assert set(kept.split()) == services_used()


@pytest.mark.parametrize(
    ("text", "services"),
    [
        ('boto3.client("kms")', {"kms"}),
        ('aws_client("dynamodb")', {"dynamodb"}),
        ('_new_aws_client("route53domains", attempts=1)', {"route53domains"}),
        ('session.resource("s3")', {"s3"}),
        ('f("kms"); client(kms); session.get("kms")', set()),
    ],
)
def test_boto3_clients_are_found(text: str, services: set[str]) -> None:
    assert aws_services(text) == services


@pytest.fixture
def package(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    (source / "one" / "__pycache__").mkdir(parents=True)
    (source / "one" / "module.py").write_text("answer = 42\n")
    (source / "one" / "__pycache__" / "old.cpython-39.pyc").write_bytes(b"old")
    (source / ".hidden").write_text("x")
    subprocess.run(
        [ROOT / PACKAGING / "package.sh", "layer", tmp_path / "made"],
        cwd=source,
        env={**os.environ, "PACKAGE_PYTHON": sys.executable},
        check=True,
    )
    return tmp_path / "made" / "python"


def bytecode_problems(folder: Path) -> list[str]:
    return packages_without_bytecode(folder, importlib.util.MAGIC_NUMBER, str(sys.implementation.cache_tag))


def test_a_package_has_its_sources_and_their_bytecode(package: Path) -> None:
    names = {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}
    assert names == {"one/module.py", f"one/__pycache__/module.{sys.implementation.cache_tag}.pyc"}
    assert bytecode_problems(package) == []


def test_bytecode_does_not_depend_on_the_build_folder(package: Path, tmp_path: Path) -> None:
    compiled = next(package.rglob("*.pyc"))
    assert b"/opt/python/one/module.py" in compiled.read_bytes()
    assert str(tmp_path).encode() not in compiled.read_bytes()


def test_unusable_bytecode_is_noticed(package: Path) -> None:
    source = package / "one" / "module.py"
    compiled = next(package.rglob("*.pyc"))
    good = compiled.read_bytes()

    source.write_text("answer = 43\n")
    assert bytecode_problems(package) == ["one/module.py: has the bytecode of another source"]
    compiled.write_bytes(good[:4] + b"\0" * 12 + good[16:])
    assert bytecode_problems(package) == ["one/module.py: its bytecode is not of the kind unchecked-hash"]
    compiled.write_bytes(b"\0" * 4 + good[4:])
    assert bytecode_problems(package) == ["one/module.py: has the bytecode of another Python"]
    compiled.unlink()
    assert bytecode_problems(package) == ["one/module.py: has no bytecode"]


def test_data_files_are_packaged_with_the_modules(tmp_path: Path) -> None:
    subprocess.run(
        [ROOT / PACKAGING / "package.sh", "layer", tmp_path],
        cwd=PACKAGE.parent,
        env={**os.environ, "PACKAGE_PYTHON": sys.executable},
        check=True,
    )
    layer = tmp_path / "python"
    assert missing_data(layer) == []
    gone = next(layer.rglob("*.json"))
    gone.unlink()
    assert missing_data(layer) == [f"{gone.relative_to(layer)}: is not in the layer"]


# -- what is built ------------------------------------------------------------------------------------


def test_the_built_layers_have_bytecode_for_lambda() -> None:
    folder = built("build")
    found = subprocess.run(
        [ROOT / "local" / "toolchain" / "bootstrap.sh", "--python", "3.13"], capture_output=True, check=False
    )
    if found.returncode:
        pytest.skip("built without a Python 3.13, so without bytecode")
    problems = packages_without_bytecode(folder, MAGIC_OF_3_13, "cpython-313")
    assert not problems, listed(problems)


def test_the_built_layers_are_for_one_processor() -> None:
    machines = {
        path.name: path.read_bytes()[18:20] for path in built("build").rglob("*.so")
    }  # ELF's e_machine
    assert machines
    assert len(set(machines.values())) == 1, machines


def names_used() -> set[str]:
    """Our modules and everything that they import, including imports inside functions."""
    modules = project_modules()
    found = {source.module for source in modules if source.layer != "functions"}
    for source in modules:
        found |= {one.target for one in source.imports if not one.for_types}
    return {name for name in found if not name.startswith("__future__.")}


def settings() -> dict[str, str]:
    names = {
        name
        for properties in functions(read_template()).values()
        for name in properties["Environment"]["Variables"]
    }
    address = re.compile(r"_(URL|BASE|ENDPOINT)$")
    return {name: "http://127.0.0.1:9" if address.search(name) else "1" for name in names}


def missing_data(layer: Path) -> list[str]:
    data = [path for path in tracked_files() if PACKAGE in path.parents and path.suffix != ".py"]
    assert data
    inside = [path.relative_to(PACKAGE.parent) for path in data]
    return [f"{path}: is not in the layer" for path in inside if not (layer / path).is_file()]


def probe(folder: Path, names: set[str], clients: set[str]) -> list[str]:
    job = {
        "names": sorted(names),
        "clients": sorted(clients),
        "handlers": {name: str(folder / name) for name in functions(read_template())},
        "under": str(folder),
    }
    search_path = os.pathsep.join(str(folder / layer / "python") for layer in LAYERS)
    answer = subprocess.run(
        [Path(sys.executable).resolve(), "-S", "-P", "-B", PROBE],
        input=json.dumps(job),
        env={**settings(), "PYTHONPATH": search_path, "AWS_DEFAULT_REGION": "eu-west-1", "LOG_LEVEL": "INFO"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    problems: list[str] = json.loads(answer.stdout)
    return problems


def test_the_packages_alone_load_every_handler_and_client() -> None:
    folder = built("here")
    problems = bytecode_problems(folder)
    problems += missing_data(folder / "HostingOrdersLayer" / "python")
    problems += probe(folder, names_used(), services_used())
    assert not problems, listed(problems)


def test_missing_packages_are_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "packages"
    shutil.copytree(built("here"), folder)
    third_party = folder / "DependenciesLayer" / "python"
    shutil.rmtree(third_party / "idna")
    shutil.rmtree(third_party / "botocore" / "data" / "kms")
    (folder / "ShowOrderFunction" / "app.py").write_text("import nothing_that_is_there\n")
    shutil.rmtree(folder / "ShowOrderFunction" / "__pycache__")

    problems = probe(folder, names_used(), services_used())

    for start in ("idna: ModuleNotFoundError", "boto3.client('kms'): UnknownService", "ShowOrderFunction: "):
        assert any(problem.startswith(start) for problem in problems), problems
