"""The package of messages: its names, and that messages are good citizens of Python."""

from __future__ import annotations

import builtins
import copy
import importlib
import pickle
import subprocess
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from moonsense import models
from moonsense.models import SealedBundle
from moonsense.reflection import is_map, is_repeated

ROOT = Path(__file__).resolve().parent.parent.parent
PUBLISHED = (
    "bundle_v2_pb2",
    "common_v2_pb2",
    "control_plane_v2_pb2",
    "data_plane_v2_pb2",
    "data_plane_v2_sdk_pb2",
    "error_reporting_pb2",
    "feature_pb2",
    "journey_feedback_pb2",
    "pagination_pb2",
    "signal_pb2",
)


def message_types() -> Iterator[type[Message]]:
    """Every message class of the schema, inner ones and map entries too."""

    def inside(descriptor) -> Iterator[type[Message]]:
        yield GetMessageClass(descriptor)
        for inner in descriptor.nested_types:
            yield from inside(inner)

    for name in PUBLISHED:
        for descriptor in importlib.import_module(
            f"moonsense.models.{name}"
        ).DESCRIPTOR.message_types_by_name.values():
            yield from inside(descriptor)


MESSAGES = [cls for cls in message_types() if not cls.DESCRIPTOR.GetOptions().map_entry]


def filled(cls: type[Message], depth: int = 0) -> Message:
    """A message with something in every field, down to the third level."""
    message = cls()
    for field in cls.DESCRIPTOR.fields:
        if field.message_type is not None and depth > 2:
            continue
        if is_map(field):
            value = field.message_type.fields_by_name["value"]
            if value.message_type is not None:
                getattr(message, field.name)["k"].MergeFrom(
                    filled(GetMessageClass(value.message_type), depth + 1)
                )
            else:
                getattr(message, field.name)["k"] = scalar(value)
        elif field.message_type is not None:
            inner = filled(GetMessageClass(field.message_type), depth + 1)
            if is_repeated(field):
                getattr(message, field.name).extend([inner, inner])
            else:
                getattr(message, field.name).CopyFrom(inner)
        elif is_repeated(field):
            getattr(message, field.name).extend([scalar(field), scalar(field)])
        else:
            setattr(message, field.name, scalar(field))
    return message


def scalar(field: FieldDescriptor) -> object:
    """A value that is not zero."""
    if field.enum_type is not None:
        return field.enum_type.values[-1].number
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            return b"\x00\xff" if field.type == FieldDescriptor.TYPE_BYTES else "t\u00fc"
        case FieldDescriptor.CPPTYPE_BOOL:
            return True
        case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
            return 0.5
        case _:
            return 7


def test_the_published_modules_are_there_with_stubs() -> None:
    folder = Path(models.__file__).parent
    for name in PUBLISHED:
        module = importlib.import_module(f"moonsense.models.{name}")
        assert module.DESCRIPTOR.name == f"{name.removesuffix('_pb2')}.proto"
        assert (folder / f"{name}.pyi").is_file()


def test_a_star_import_brings_every_name_and_hides_no_builtin() -> None:
    space: dict[str, object] = {}
    exec("from moonsense.models import *", space)
    names = set(space) - {"__builtins__"}
    assert not names & set(dir(builtins))
    assert "Exception" not in names
    everything = {name for name, value in vars(models).items() if not name.startswith("_")}
    inner = {name for name in everything if isinstance(getattr(models, name), types.ModuleType)}
    assert names - inner == everything - inner - {"DESCRIPTOR", "Exception"}
    assert {name for name in names if name.endswith("_pb2")} == set(PUBLISHED) - {"journey_feedback_pb2"}


def test_names_that_programs_use() -> None:
    space: dict[str, object] = {}
    exec("from moonsense.models import *", space)
    assert {
        "SealedBundle",
        "Session",
        "SessionListResponse",
        "Chunk",
        "Card",
        "iOS",
        "WEB",
        "POINTER",
    } <= set(space)


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.DESCRIPTOR.full_name)
def test_a_message_survives_pickle_copy_bytes_and_json(cls: type[Message]) -> None:
    message = filled(cls)
    assert message.ByteSize() or not cls.DESCRIPTOR.fields
    assert pickle.loads(pickle.dumps(message)) == message
    assert copy.deepcopy(message) == message
    assert cls.FromString(message.SerializeToString()) == message
    text = json_format.MessageToJson(message, preserving_proto_field_name=True)
    assert json_format.Parse(text, cls()) == message


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.DESCRIPTOR.full_name)
def test_a_class_is_found_where_it_says_it_is(cls: type[Message]) -> None:
    assert cls.__module__.startswith("moonsense.models.")
    found: object = importlib.import_module(cls.__module__)
    for part in cls.__qualname__.split("."):
        found = getattr(found, part)
    assert found is cls


PROGRAM = """
import google.protobuf, moonsense.models
from google.protobuf import json_format
from moonsense.models import *
from moonsense.models import journey_feedback_pb2, rules_pb2
sealed = SealedBundle(session_id="s", bundle=Bundle(index=3, pointer_data=[Pointer(type=Pointer.MOUSE)]))
again = SealedBundle.FromString(sealed.SerializeToString())
assert json_format.Parse(json_format.MessageToJson(again), SealedBundle()) == sealed
assert SessionLabel.DESCRIPTOR.fields_by_name["name"].GetOptions().Extensions[rules_pb2.field].min_bytes == 1
print(google.protobuf.__version__)
"""


def test_it_works_on_the_oldest_protobuf_without_a_warning() -> None:
    python = ROOT / ".venv-models" / "bin" / "python"
    if not python.exists():
        reason = ROOT / ".venv-models.reason"
        pytest.skip(
            reason.read_text().strip() if reason.exists() else "run scripts/side_environments.py models first"
        )
    result = subprocess.run(
        [python, "-W", "error", "-c", PROGRAM],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("5.29.")


def test_a_float_of_the_schema_keeps_single_precision() -> None:
    sealed = SealedBundle()
    sealed.bundle.orientation_data.add(azimuth=0.1)
    assert sealed.bundle.orientation_data[0].azimuth == pytest.approx(0.1)
    assert json_format.MessageToDict(sealed)["bundle"]["orientationData"][0]["azimuth"] == 0.1
