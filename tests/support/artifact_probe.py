"""A script for a bare Python that has only the built packages. It loads what its input lists and prints the problems.

    python -S -P artifact_probe.py < {"names": [...], "clients": [...], "handlers": {...}, "under": ...}

`names` are dotted names of modules and of their members. `clients` are AWS services; the script makes a boto3 client
for each. `handlers` maps each function to its folder. Every module must come from the folder `under` or from Python's
own library.
"""

import importlib
import json
import os
import sys


def look_up(name: str) -> None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        module, _, attribute = name.rpartition(".")
        if not module:
            raise
        getattr(importlib.import_module(module), attribute)


def main() -> None:
    job = json.load(sys.stdin)
    problems = []
    before = set(sys.modules)
    for name in job["names"]:
        try:
            look_up(name)
        except Exception as error:
            problems.append(f"{name}: {type(error).__name__}: {error}")
    for name, folder in job["handlers"].items():
        sys.path.insert(0, folder)
        try:
            if not callable(__import__("app").handler):
                problems.append(f"{name}: app.handler cannot be called")
        except Exception as error:
            problems.append(f"{name}: {type(error).__name__}: {error}")
        sys.path.remove(folder)
        sys.modules.pop("app", None)
    import boto3

    for service in job["clients"]:
        try:
            boto3.client(service, region_name="us-east-1")
        except Exception as error:
            problems.append(f"boto3.client({service!r}): {type(error).__name__}: {error}")
    library = os.__file__.rpartition("/")[0]
    for name in set(sys.modules) - before:
        path = getattr(sys.modules[name], "__file__", None)
        if sys.modules[name] is sys.modules["__main__"] or not path:
            continue
        if not path.startswith((job["under"], library)) or "/site-packages/" in path:
            problems.append(f"{name} comes from {path}")
    json.dump(sorted(problems), sys.stdout)


main()
