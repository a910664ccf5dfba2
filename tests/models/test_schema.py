"""The schema is that of the service, every field of it, and says what each one is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from moonsense import models
from moonsense.models import journey_feedback_pb2, rules_pb2
from moonsense.reflection import is_map, is_repeated

PROTO = Path(__file__).resolve().parent.parent.parent / "proto"

FILES = {
    f"{name.removesuffix('_pb2')}.proto": getattr(models, name).DESCRIPTOR
    for name in models.__all__
    if name.endswith("_pb2")
} | {"journey_feedback.proto": journey_feedback_pb2.DESCRIPTOR}

RULE = {
    "min_bytes: 1": rules_pb2.FieldRules(min_bytes=1),
    "min_len: 1": rules_pb2.FieldRules(min_len=1),
    "gt: 0": rules_pb2.FieldRules(gt=0),
    "defined_only: true": rules_pb2.FieldRules(defined_only=True),
    "defined_only: true   not_in: 0": rules_pb2.FieldRules(defined_only=True, not_in=[0]),
}


def all_messages(file) -> dict[str, Descriptor]:
    """Messages of a file by their names within its package; map entries are none."""
    found: dict[str, Descriptor] = {}

    def add(message: Descriptor) -> None:
        if not message.GetOptions().map_entry:
            found[message.full_name.removeprefix(file.package + ".")] = message
            for inner in message.nested_types:
                add(inner)

    for message in file.message_types_by_name.values():
        add(message)
    return found


def all_enums(file) -> dict[str, EnumDescriptor]:
    enums = [*file.enum_types_by_name.values()]
    enums += [enum for message in all_messages(file).values() for enum in message.enum_types]
    return {enum.full_name.removeprefix(file.package + "."): enum for enum in enums}


def type_name(field: FieldDescriptor) -> str:
    """A field's type as the description writes it."""
    if is_map(field):
        entry = field.message_type.fields_by_name
        return f"map<{type_name(entry['key'])}, {type_name(entry['value'])}>"
    named = field.message_type or field.enum_type
    name = (
        named.full_name if named else FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    )
    return f"repeated {name}" if is_repeated(field) else name


@pytest.fixture(scope="module")
def described(schema_md: Path) -> dict[str, tuple[str, str]]:
    """The description's sections: package and text by file name."""
    parts = re.split(
        r"^## (\w+\.proto) \(package ([\w.]+)\)$", schema_md.read_text(encoding="utf-8"), flags=re.M
    )
    return {
        name: (package, text)
        for name, package, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    }


def test_it_has_the_files_and_packages_described(described) -> None:
    assert {name: file.package for name, file in FILES.items()} == {
        name: package for name, (package, _) in described.items()
    }


@pytest.mark.parametrize("name", FILES)
def test_its_enums_are_those_described(name: str, described) -> None:
    expected = {}
    for enum, values in re.findall(r"^enum `([\w.]+)`: (.+)$", described[name][1], flags=re.M):
        expected[enum] = re.findall(r"(\w+)=(\d+)( \(deprecated\))?", values)
    assert {
        enum: [
            (value.name, str(value.number), " (deprecated)" if value.GetOptions().deprecated else "")
            for value in descriptor.values
        ]
        for enum, descriptor in all_enums(FILES[name]).items()
    } == expected


@pytest.mark.parametrize("name", FILES)
def test_its_messages_are_those_described(name: str, described) -> None:
    tables = re.findall(
        r"^`([\w.]+)`[^\n]*\n\n\| # \| field[^\n]*\n\|---[^\n]*\n((?:\|[^\n]*\n)*)",
        described[name][1],
        flags=re.M,
    )
    messages = all_messages(FILES[name])
    assert [title for title, _ in tables] == sorted(messages, key=[title for title, _ in tables].index)
    for title, rows in tables:
        expected = []
        for row in rows.splitlines():
            number, field, kind, note = (cell.strip() for cell in row.strip("|").split("|"))
            if number:
                rule = re.sub(r"^must: \w+\s+", "", note) if note.startswith("must:") else ""
                oneof = note.removeprefix("oneof ") if note.startswith("oneof") else ""
                expected.append((int(number), field, kind, note == "deprecated later", rule, oneof))
        actual = []
        for field in messages[title].fields:
            options = field.GetOptions()
            rules = [text for text, rule in RULE.items() if options.Extensions[rules_pb2.field] == rule]
            assert rules or not options.HasExtension(rules_pb2.field)
            actual.append(
                (
                    field.number,
                    field.name,
                    type_name(field),
                    options.deprecated,
                    rules[0] if rules else "",
                    field.containing_oneof.name if field.containing_oneof else "",
                )
            )
        assert actual == expected, title


def test_every_message_field_and_value_says_what_it_is() -> None:
    silent = []
    for path in sorted(PROTO.glob("*.proto")):
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            declares = re.match(r"\s*(message|enum|oneof|package) |\s*[\w.<>, ]+ = \d+( \[.*\])?;$", line)
            if declares and not lines[number - 1].lstrip().startswith("//"):
                silent.append(f"{path.name}:{number + 1}: {line.strip()}")
    assert silent == []


def test_what_is_deprecated_says_so_first() -> None:
    for path in sorted(PROTO.glob("*.proto")):
        text = path.read_text(encoding="utf-8")
        for comment, declaration in re.findall(
            r"((?:^ *//.*\n)+)^ *(\S.*deprecated = true.*)$", text, flags=re.M
        ):
            assert comment.lstrip().startswith("// Deprecated"), declaration


def test_the_comments_reach_the_reader_of_the_stubs() -> None:
    stub = (Path(models.__file__).parent / "bundle_v2_pb2.pyi").read_text(encoding="utf-8")
    assert '"""Along the x axis, in uT."""' in stub
    assert '"""About the x axis, in rad/s."""' in stub
