"""local/template.py adapts template.yaml to the embedded AWS emulator."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from pathlib import Path

import pytest

from local.errors import StackError
from local.template import LocalTemplate, localize, read_template

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Runtime: python3.13
    Architectures: [arm64]
    Handler: app.handler
    Layers: [!Ref OwnLayer]
Resources:
  OwnLayer:
    Type: AWS::Serverless::LayerVersion
    Metadata: {BuildMethod: python3.13}
    Properties: {ContentUri: layers/own}
  PlaceOrderFunction:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions/place_order, Runtime: python3.12, Timeout: 10}
  ShowOrderFunction:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions/show order}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: machine.asl.yaml
      DefinitionSubstitutions: {PlaceOrderArn: !GetAtt PlaceOrderFunction.Arn}
Outputs:
  Layer: {Value: !Ref OwnLayer}
  Name: {Value: !Sub "${AWS::StackName}-name"}
"""
MACHINE = """
StartAt: Place
States:
  Place: {Type: Task, Resource: "${PlaceOrderArn}", End: true}
"""


@pytest.fixture
def local(tmp_path: Path) -> LocalTemplate:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "machine.asl.yaml").write_text(MACHINE)
    return localize(tmp_path / "template.yaml", "a-bucket")


def bootstrap_of(local: LocalTemplate, function: str) -> str:
    location = local.template["Resources"][function]["Properties"]["CodeUri"]
    assert location["Bucket"] == "a-bucket"
    with zipfile.ZipFile(io.BytesIO(local.packages[location["Key"]])) as package:
        assert package.namelist() == ["bootstrap"]
        mode = package.getinfo("bootstrap").external_attr >> 16
        assert stat.S_IMODE(mode) == 0o755
        return package.read("bootstrap").decode()


def test_every_function_uses_the_local_runtime(local: LocalTemplate) -> None:
    assert local.template["Globals"]["Function"] == {"Handler": "app.handler", "Runtime": "provided.al2023"}
    assert local.template["Resources"]["PlaceOrderFunction"]["Properties"].keys() == {"CodeUri", "Timeout"}


def test_a_package_puts_function_and_layer_on_pythonpath(local: LocalTemplate, tmp_path: Path) -> None:
    script = bootstrap_of(local, "PlaceOrderFunction")

    path = next(line for line in script.splitlines() if line.startswith("export PYTHONPATH="))
    folders = path.removeprefix("export PYTHONPATH=").split(":")
    assert folders[:2] == [str(tmp_path / "functions/place_order"), str(tmp_path / "layers/own")]


def test_a_folder_with_a_space_in_its_name_is_quoted(local: LocalTemplate, tmp_path: Path) -> None:
    script = bootstrap_of(local, "ShowOrderFunction").replace("exec ", "true ")
    shown = os.popen(f"{script}\necho $PYTHONPATH").read()

    assert shown.startswith(f"{tmp_path / 'functions/show order'}:")


def test_the_same_sources_give_the_same_packages(local: LocalTemplate, tmp_path: Path) -> None:
    assert localize(tmp_path / "template.yaml", "a-bucket").packages == local.packages


def test_layers_and_outputs_about_them_are_omitted(local: LocalTemplate) -> None:
    assert "OwnLayer" not in local.template["Resources"]
    assert local.template["Outputs"] == {"Name": {"Value": {"Fn::Sub": "${AWS::StackName}-name"}}}


def test_the_template_contains_the_state_machine(local: LocalTemplate) -> None:
    assert local.template["Resources"]["Machine"]["Properties"] == {
        "Definition": {
            "StartAt": "Place",
            "States": {"Place": {"Type": "Task", "Resource": "${PlaceOrderArn}", "End": True}},
        },
        "DefinitionSubstitutions": {"PlaceOrderArn": {"Fn::GetAtt": ["PlaceOrderFunction", "Arn"]}},
    }


def test_intrinsic_functions_are_read_in_their_long_form(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(
        "Resources:\n"
        "  Thing:\n"
        "    Condition: IsProd\n"
        "    Name: !If [IsProd, !Ref Name, !Join ['-', [a, !GetAtt Other.Nested.Arn]]]\n"
        "    Need: !Not [!Condition IsProd]\n"
    )

    assert read_template(tmp_path / "template.yaml")["Resources"]["Thing"] == {
        "Condition": "IsProd",
        "Name": {
            "Fn::If": [
                "IsProd",
                {"Ref": "Name"},
                {"Fn::Join": ["-", ["a", {"Fn::GetAtt": ["Other", "Nested.Arn"]}]]},
            ]
        },
        "Need": {"Fn::Not": [{"Condition": "IsProd"}]},
    }


@pytest.mark.parametrize("text", ["just: [a", "Outputs: {}", "- a list"])
def test_the_error_for_an_invalid_template_names_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(text)

    with pytest.raises(StackError, match=r"template\.yaml"):
        read_template(path)
