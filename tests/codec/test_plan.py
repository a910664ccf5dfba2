"""What is known of a message type before its first document."""

from __future__ import annotations

import pytest
from support.messages import odd_type, schema_types

from moonsense.codec.plan import Kind, Shape, plan_of
from moonsense.models.bundle_v2_pb2 import Bundle
from moonsense.models.feature_pb2 import Feature


def test_a_plan_is_made_once_and_for_every_type() -> None:
    for message_type in schema_types():
        plan = plan_of(message_type.DESCRIPTOR)
        assert plan is plan_of(message_type.DESCRIPTOR)
        assert plan.message_type is message_type
        assert [field.name for field in plan.fields] == [
            field.name for field in sorted(message_type.DESCRIPTOR.fields, key=lambda field: field.number)
        ]


def test_fields_by_both_names() -> None:
    fields = plan_of(Bundle.DESCRIPTOR).by_name
    assert fields["pointer_data"] is fields["pointerData"]
    pointers = fields["pointer_data"]
    assert (pointers.kind, pointers.shape) == (Kind.MESSAGE, Shape.LIST)
    features = fields["features"]
    assert (features.kind, features.shape) == (Kind.MESSAGE, Shape.MAP)
    assert features.key is not None
    assert features.key.kind is Kind.STRING


def test_members_of_a_oneof_know_it_and_optional_fields_are_in_none() -> None:
    assert {field.oneof for field in plan_of(Feature.DESCRIPTOR).fields} == {"kind"}
    fields = plan_of(odd_type().DESCRIPTOR).by_name
    assert (fields["or_int64"].oneof, fields["or_int64"].presence) == ("choice", True)
    assert (fields["maybe_int64"].oneof, fields["maybe_int64"].presence) == ("", True)
    assert (fields["a_int64"].oneof, fields["a_int64"].presence) == ("", False)


@pytest.mark.parametrize(
    ("name", "least", "greatest"),
    [
        ("a_int32", -(2**31), 2**31 - 1),
        ("a_fixed32", 0, 2**32 - 1),
        ("a_sint64", -(2**63), 2**63 - 1),
        ("a_uint64", 0, 2**64 - 1),
        ("a_colour", -(2**31), 2**31 - 1),
    ],
)
def test_integers_have_a_range(name: str, least: int, greatest: int) -> None:
    field = plan_of(odd_type().DESCRIPTOR).by_name[name]
    assert (field.low, field.high) == (least, greatest)


def test_of_several_names_of_a_number_the_first_is_written() -> None:
    colour = plan_of(odd_type().DESCRIPTOR).by_name["a_colour"]
    assert colour.numbers == {"NONE": 0, "RED": 1, "ROUGE": 1, "DEEP": -5}
    assert colour.names() == {0: "NONE", 1: "RED", -5: "DEEP"}
