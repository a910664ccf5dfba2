"""JSON documents of one message: what is read and written, and what is wrong with what."""

from __future__ import annotations

import json
import math
import pickle

import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from support.messages import odd_type

from moonsense import util
from moonsense.codec.json import parse, write, write_line
from moonsense.codec.reading import Reader
from moonsense.errors import DataError, DecodeError
from moonsense.models.bundle_v2_pb2 import Bundle, CustomEvent, Light, Offset2D, Pointer, SealedBundle, Steps
from moonsense.models.data_plane_v2_pb2 import Card, JourneyFeaturesResponse, LabelWithStats
from moonsense.models.data_plane_v2_sdk_pb2 import BoundingCircle, Session, SessionConfig, SessionMetadata
from moonsense.models.feature_pb2 import BytesList, Feature

Odd = odd_type()


def refused(text: str | bytes, message_type: type[Message], *, ignore_unknown: bool = True) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        parse(text, message_type, ignore_unknown=ignore_unknown)
    return caught.value


def test_json_format_is_where_the_published_clients_had_it() -> None:
    assert util.json_format is json_format


class TestReading:
    def test_names_in_both_spellings(self) -> None:
        expected = Session(session_id="a", metadata=SessionMetadata(is_device_physical=True))
        assert parse('{"session_id":"a","metadata":{"is_device_physical":true}}', Session) == expected
        assert parse('{"sessionId":"a","metadata":{"isDevicePhysical":true}}', Session) == expected

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_bytes_of_every_kind(self, kind: type) -> None:
        assert parse(kind(b'{"name":"\xc3\xa9"}'), LabelWithStats).name == "é"

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ('"-9223372036854775808"', -(2**63)),
            ("9223372036854775807", 2**63 - 1),
            ('"+7"', 7),
            ('"007"', 7),
            ("5.0", 5),
            ("1e3", 1000),
            ('"1e3"', 1000),
            ("null", 0),
        ],
    )
    def test_integers(self, text: str, value: int) -> None:
        assert parse(f'{{"sessions_count": {text}}}', LabelWithStats).sessions_count == value

    @pytest.mark.parametrize(
        ("text", "value"), [('"MOUSE"', 4), ("4", 4), ('"4"', 4), ("4.0", 4), ("99", 99), ('"NEW"', 0)]
    )
    def test_enums(self, text: str, value: int) -> None:
        assert parse(f'{{"type": {text}}}', Pointer).type == value

    def test_unknown_names_of_enum_values_are_left_out_of_lists(self) -> None:
        text = '{"requested_sensors": ["POINTER", "SMELL", 3, "6"]}'
        assert list(parse(text, SessionConfig).requested_sensors) == [14, 3, 6]

    @pytest.mark.parametrize(
        ("text", "value"), [('"Infinity"', math.inf), ('"-Infinity"', -math.inf), ('"-.5e1"', -5), ("7", 7)]
    )
    def test_numbers(self, text: str, value: float) -> None:
        assert parse(f'{{"dx": {text}}}', Offset2D).dx == value

    def test_not_a_number(self) -> None:
        assert math.isnan(parse('{"dx": "NaN"}', Offset2D).dx)

    @pytest.mark.parametrize("text", ["-_-_AA==", "+/+/AA==", "-_+/AA", "-_-_AA="])
    def test_base64_of_both_alphabets_with_and_without_padding(self, text: str) -> None:
        assert list(parse(json.dumps({"value": [text]}), BytesList).value) == [b"\xfb\xff\xbf\x00"]

    @pytest.mark.parametrize(
        ("text", "seconds", "nanos"),
        [
            ("1970-01-01T00:00:01Z", 1, 0),
            ("1970-01-01T00:00:01.5+00:00", 1, 500_000_000),
            ("1969-12-31T16:00:00.000000001-08:00", 0, 1),
            ("0001-01-01T00:00:00Z", -62_135_596_800, 0),
            ("9999-12-31T23:59:59.999999999Z", 253_402_300_799, 999_999_999),
        ],
    )
    def test_times(self, text: str, seconds: int, nanos: int) -> None:
        moment = parse(json.dumps({"created_at": text}), Card).created_at
        assert (moment.seconds, moment.nanos) == (seconds, nanos)

    def test_maps_of_texts_and_of_messages(self) -> None:
        event = parse('{"properties": {"a": "1", "": ""}}', CustomEvent)
        assert dict(event.properties) == {"a": "1", "": ""}
        text = '{"client_sdk": {"a": {"int64_list": {"value": ["1", 2]}}, "b": {}}}'
        found = parse(text, JourneyFeaturesResponse).client_sdk
        assert set(found) == {"a", "b"}
        assert list(found["a"].int64_list.value) == [1, 2]

    def test_keys_of_maps_that_are_no_texts(self) -> None:
        found: dict[object, object] = {True: b"\x00", False: b""}
        assert dict(parse('{"by_bool": {"true": "AA", "false": ""}}', Odd).by_bool) == found  # type: ignore[attr-defined]

    def test_a_message_in_itself(self) -> None:
        message = Odd()
        message.itself.itself.some_of_itself.add().a_int64 = 5  # type: ignore[attr-defined]
        assert parse(write(message), Odd) == message

    def test_an_empty_object_is_there_and_null_is_not(self) -> None:
        pointer = parse('{"delta": {}, "position": null}', Pointer)
        assert pointer.HasField("delta")
        assert not pointer.HasField("position")
        feature = parse('{"bytes_list": null, "double_list": {}}', Feature)
        assert feature.WhichOneof("kind") == "double_list"

    def test_unknown_fields_are_ignored_at_any_depth(self) -> None:
        text = '{"x": [{}], "bundle": {"y": 1, "pointer_data": [{"delta": {"dx": 1, "dz": {"q": []}}}]}}'
        assert parse(text, SealedBundle) == SealedBundle(
            bundle=Bundle(pointer_data=[Pointer(delta=Offset2D(dx=1))])
        )

    def test_of_a_key_given_twice_the_last_counts(self) -> None:
        assert parse('{"name": "a", "name": "b"}', LabelWithStats).name == "b"

    def test_a_document_as_the_cloud_writes_it_takes_the_fast_way(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bundle = Bundle(
            index=3,
            pointer_data=[
                Pointer(determined_at=-5, type=Pointer.MOUSE, delta=Offset2D(dx=1), synthesized=True)
            ],
            steps_data=[Steps(to=9)],
            features={"a": Feature(bytes_list=BytesList(value=[b"\xff"]))},
        )
        sealed = SealedBundle(bundle=bundle, server_time_millis=2**50, session_id="a")
        reader = Reader(SealedBundle.DESCRIPTOR, ignore_unknown=True)
        monkeypatch.setattr(reader, "_exactly", None)
        assert reader.read(write(sealed)) == sealed
        assert len(reader._other_ways) == 1  # the first one took it

    def test_where_the_tidy_way_was_needed_it_becomes_the_first(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reader = Reader(Session.DESCRIPTOR, ignore_unknown=True)
        monkeypatch.setattr(reader, "_exactly", None)
        expected = Session(session_id="a", circle=BoundingCircle(radius=1))
        for text in ('{"sessionId":"a","circle":{"radius":1,"colour":[]},"x":{}}', write(expected)):
            assert reader.read(text) == expected
            assert reader._other_ways == []

    def test_the_greatest_32_bit_float_is_read_as_it_is_written(self) -> None:
        light = Light(value=3.4028234663852886e38)
        assert write(light) == b'{"value":3.4028235e+38}'
        assert parse(write(light), Light) == light


class TestRefusing:
    @pytest.mark.parametrize(
        ("text", "message_type", "path", "reason"),
        [
            ('{"bundle":{"pointer_data":[{},{"position":{"dx":"x"}}]}}', SealedBundle,
             "bundle.pointer_data[1].position.dx", 'expected a number, got "x"'),
            ('{"bundle":{"index":2147483648}}', SealedBundle, "bundle.index", "2147483648 is not between"),
            ('{"sessions_count":"9223372036854775808"}', LabelWithStats, "sessions_count", "is not between"),
            ('{"sessions_count":1.5}', LabelWithStats, "sessions_count", "expected an integer, got 1.5"),
            ('{"sessions_count":true}', LabelWithStats, "sessions_count", "expected an integer, got true"),
            ('{"synthesized":1}', Pointer, "synthesized", "expected true or false, got 1"),
            ('{"name":5}', LabelWithStats, "name", "expected a string, got 5"),
            ('{"properties":{"a b":null}}', CustomEvent, 'properties["a b"]', "expected a string, got null"),
            ('{"properties":[]}', CustomEvent, "properties", "expected an object, got a list"),
            ('{"counters":{"pointer":{"total":"x"}}}', Session, 'counters["pointer"].total', "expected an"),
            ('{"pointer_data":{}}', Bundle, "pointer_data", "expected a list, got an object"),
            ('{"pointer_data":"abc"}', Bundle, "pointer_data", 'expected a list, got "abc"'),
            ('{"pointer_data":[null]}', Bundle, "pointer_data[0]", "expected an object, got null"),
            ('{"value":["A"]}', BytesList, "value[0]", "expected base64"),
            ('{"value":1e39}', Light, "value", "is not between"),
            ('{"created_at":"yesterday"}', Card, "created_at", "expected a time"),
            ('{"created_at":"2023-02-30T00:00:00Z"}', Card, "created_at", "is no time"),
            ('{"created_at":"0001-01-01T00:00:00+00:01"}', Card, "created_at", "not in the years"),
            ('{"created_at":{"seconds":"5"}}', Card, "created_at", "expected a time"),
            ('{"by_bool":{"yes":""}}', Odd, 'by_bool["yes"]', 'expected "true" or "false"'),
            ("[]", Bundle, "", "expected an object, got a list"),
            ("null", Bundle, "", "expected an object, got null"),
        ],
    )  # fmt: skip
    def test_a_wrong_value_by_its_path(
        self, text: str, message_type: type[Message], path: str, reason: str
    ) -> None:
        error = refused(text, message_type)
        assert error.path == path
        assert reason in error.reason

    def test_an_unknown_field_when_asked_to(self) -> None:
        error = refused('{"circle":{"centroid":{"height":1}}}', Session, ignore_unknown=False)
        assert error.path == "circle.centroid"
        assert error.reason == 'v2.dataplane.LatitudeLongitude has no field "height"'

    def test_an_unknown_name_of_an_enum_value_when_asked_to(self) -> None:
        error = refused('{"requested_sensors":["POINTER","SMELL"]}', SessionConfig, ignore_unknown=False)
        assert error.path == "requested_sensors[1]"
        assert error.reason.startswith('"SMELL" is not one of UNKNOWN_SENSOR, LOCATION')

    def test_two_members_of_a_oneof(self) -> None:
        error = refused('{"client_sdk":{"a":{"bytes_list":{},"double_list":{}}}}', JourneyFeaturesResponse)
        assert error.path == 'client_sdk["a"]'
        assert error.reason == "bytes_list and double_list exclude each other"

    @pytest.mark.parametrize("second", ["1.0", "null"])
    def test_a_field_in_both_spellings(self, second: str) -> None:
        error = refused(f'{{"centroid":{{}},"radius":1,"regionId":"a","region_id":{second}}}', Session)
        assert error.path == "region_id"
        assert error.reason == "it is there in both spellings"

    @pytest.mark.parametrize(
        ("document", "message_type"),
        [
            ({"circle": []}, Session),
            ({"circle": ""}, Session),
            ({"sessions_count": "1_000"}, LabelWithStats),
            ({"sessions_count": "\t5"}, LabelWithStats),
            ({"sessions_count": "٣"}, LabelWithStats),
            ({"radius": "inf"}, BoundingCircle),
            ({"radius": " 1.5"}, BoundingCircle),
            ({"radius": "1e400"}, BoundingCircle),
            ({"value": ["!!!!"]}, BytesList),
            ({"value": ["AA\nAA"]}, BytesList),
            ({"type": 1.9}, Pointer),
            ({"type": 2**32 + 4}, Pointer),
            ({"created_at": "2023-1-1T0:0:0Z"}, Card),
            ({"created_at": "2023-01-01T00:00:00.Z"}, Card),
        ],
    )
    def test_what_json_format_takes_for_something_it_does_not_say(
        self, document: object, message_type: type[Message]
    ) -> None:
        text = json.dumps(document)
        json_format.Parse(text, message_type())
        refused(text, message_type)

    @pytest.mark.parametrize(
        ("text", "offset", "reason"),
        [
            ('{"name": "é" x', 14, "not JSON: "),
            ("", 0, "not JSON: "),
            (b'{"name": "\xff"}', 10, "not UTF-8: "),
            ('{"count": NaN}', 10, "not JSON: "),
            (r'{"unknown": "\ud800"}', None, "not JSON: "),
            ("\ufeff{}", 0, "not JSON: "),
            ("[" * 5000, None, "not JSON: "),
        ],
    )
    def test_what_is_no_json(self, text: str | bytes, offset: int | None, reason: str) -> None:
        error = refused(text, LabelWithStats)
        assert error.reason.startswith(reason)
        assert error.path == ""
        assert error.offset == offset if offset is not None else error.offset is not None

    def test_an_object_in_itself_too_often(self) -> None:
        error = refused('{"itself":' * 1000 + "{}" + "}" * 1000, Odd)
        assert error.reason == "nested too deeply"

    def test_an_integer_of_thousands_of_digits(self) -> None:
        assert len(str(refused(json.dumps({"sessions_count": "9" * 5000}), LabelWithStats))) < 200

    def test_the_place_is_in_the_error_and_survives_pickling(self) -> None:
        with pytest.raises(DecodeError) as caught:
            parse('{"steps_data":[{"from":"x"}]}', Bundle, line=7, where="session abc")
        error = pickle.loads(pickle.dumps(caught.value))
        assert (error.line, error.path, error.where) == (7, "steps_data[0].from", "session abc")
        assert str(error) == 'session abc: line 7, steps_data[0].from: expected an integer, got "x"'

    @pytest.mark.parametrize("message_type", [Struct, Timestamp])
    def test_types_with_a_form_of_their_own_are_a_mistake_of_the_caller(
        self, message_type: type[Message]
    ) -> None:
        with pytest.raises(TypeError, match="JSON form of its own"):
            parse("{}", message_type)


class TestWriting:
    def test_zeros_are_left_out_and_what_was_set_is_not(self) -> None:
        assert write(Pointer(determined_at=0, delta=Offset2D(dx=0.0))) == b'{"delta":{}}'
        assert write(Odd(maybe_int64=0, or_string="")) == b'{"or_string":"","maybe_int64":"0"}'

    def test_minus_zero_is_no_zero(self) -> None:
        assert write(Offset2D(dx=-0.0)) == b'{"dx":-0.0}'

    def test_a_field_named_like_a_word_of_python(self) -> None:
        assert write(Steps(**{"count": 1, "from": 2, "to": 3})) == b'{"count":1,"from":"2","to":"3"}'

    def test_in_both_spellings_short_and_long(self) -> None:
        session = Session(session_id="a", created_at=Timestamp(seconds=1, nanos=120_000_000))
        assert write(session) == b'{"session_id":"a","created_at":"1970-01-01T00:00:01.120Z"}'
        assert write(session, camel=True) == b'{"sessionId":"a","createdAt":"1970-01-01T00:00:01.120Z"}'
        assert write(LabelWithStats(name="a"), indent=True) == b'{\n  "name": "a"\n}'

    def test_a_line_holds_no_newline_but_its_own(self) -> None:
        line = write_line(LabelWithStats(name="a\nb\r\u2028"))
        assert line.count(b"\n") == 1
        assert line.endswith(b"}\n")

    def test_a_number_without_a_name_stays_a_number(self) -> None:
        assert write(Pointer(type=99)) == b'{"type":99}'

    @pytest.mark.parametrize("moment", [Timestamp(seconds=2**40), Timestamp(nanos=-1)])
    def test_a_timestamp_that_is_no_time(self, moment: Timestamp) -> None:
        with pytest.raises(DataError, match="is no time"):
            write(Card(created_at=moment))
