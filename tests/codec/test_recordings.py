"""Every line of every real recording, as json_format reads and writes it."""

from __future__ import annotations

from pathlib import Path

import orjson
from google.protobuf import json_format

from moonsense.codec.json import parse, write, write_line
from moonsense.codec.ndjson import NdjsonParser
from moonsense.models.bundle_v2_pb2 import SealedBundle
from moonsense.models.data_plane_v2_sdk_pb2 import Session


def test_every_bundle_is_read_and_written_as_it_was(web_sessions: Path) -> None:
    recordings = sorted(web_sessions.rglob("raw_sealed_bundles.json"))
    assert len(recordings) == 221
    for recording in recordings:
        data = recording.read_bytes()
        parser = NdjsonParser(SealedBundle, ignore_unknown=False, where=str(recording))
        bundles = parser.feed(data[:1000]) + parser.feed(data[1000:]) + parser.close()
        lines = data.splitlines()
        assert len(bundles) == len(lines) == parser.line
        for line, bundle in zip(lines, bundles, strict=True):
            assert bundle == json_format.Parse(line, SealedBundle())
            assert orjson.loads(write_line(bundle)) == orjson.loads(line)


def test_every_session_is_read_and_written_as_it_was(web_sessions: Path) -> None:
    descriptions = sorted(web_sessions.rglob("metadata.json"))
    assert len(descriptions) == 221
    for description in descriptions:
        text = description.read_bytes()
        session = parse(text, Session, ignore_unknown=False)
        assert session == json_format.Parse(text, Session())
        assert orjson.loads(write(session, camel=True)) == orjson.loads(text)
