"""Features, signals, packet captures and single labels over HTTP."""

from __future__ import annotations

import io
import struct
import tarfile

import httpx2
import pytest
from support.tenants import Tenant


def capture(*packets: bytes, link: int = 1) -> bytes:
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    return header + b"".join(struct.pack("<IIII", 1, 2, len(p), len(p)) + p for p in packets)


def upload(tenant: Tenant, session_id: str, data: bytes) -> httpx2.Response:
    return tenant.recorder.post(
        f"/v2/sessions/{session_id}/network-telemetry/packets",
        content=data,
        headers={"Content-Type": "application/vnd.tcpdump.pcap"},
    )


def test_session_features_are_kept_and_added_to(tenant: Tenant) -> None:
    path = f"/v2/sessions/{tenant.record(1)}/features"
    session_id = path.split("/")[3]
    assert tenant.reader.get(path).json() == {"session_id": session_id}
    typing = {"cloud_behavioral": {"speed": {"double_list": {"value": [1.5]}}}}
    assert tenant.reader.post(path, json=typing).status_code == 200
    network = {"cloud_network": {"asn": {"int64_list": {"value": ["7"]}}}}
    more = {"cloud_behavioral": {"speed": {"double_list": {"value": [2.5]}}}}
    tenant.reader.post(path, json=network)
    answer = tenant.reader.post(path, json=more).json()
    assert answer == {"session_id": session_id, **network, **more}
    assert tenant.reader.get(path).json() == answer


def test_journey_features_are_kept(tenant: Tenant) -> None:
    tenant.record(1, journey_id="j")
    given = {"client_sdk": {"vpn": {"string_list": {"value": ["no"]}}}}
    answer = tenant.reader.post("/v2/journeys/j/features", json=given).json()
    assert answer == {"journey_id": "j", **given} == tenant.reader.get("/v2/journeys/j/features").json()


def test_signals_are_replaced(tenant: Tenant) -> None:
    path = f"/v2/sessions/{tenant.record(1)}/signals"
    assert tenant.reader.get(path).json() == {}
    tenant.reader.post(path, json={"os": {"predicted_os_family": "iOS", "predicted_os_family_score": 0.9}})
    tenant.reader.post(path, json={"os": {"predicted_os_family": "Android"}})
    assert tenant.reader.get(path).json() == {"os": {"predicted_os_family": "Android"}}


def test_packet_captures_come_back_as_one(tenant: Tenant) -> None:
    session_id = tenant.record(1)
    path = f"/v2/sessions/{session_id}/network-telemetry/packets"
    assert tenant.reader.get(path).status_code == 404
    assert upload(tenant, session_id, capture(b"syn", b"ack")).json() == {"sessionId": session_id}
    assert upload(tenant, session_id, capture(b"data")).status_code == 200
    answer = tenant.reader.get(path)
    with tarfile.open(fileobj=io.BytesIO(answer.content), mode="r:gz") as archive:
        (member,) = archive.getmembers()
        assert (member.isreg(), member.name) == (True, f"{session_id}.pcap")
        file = archive.extractfile(member)
        assert file is not None
        assert file.read() == capture(b"syn", b"ack", b"data")
    assert tenant.reader.get(f"/v2/sessions/{session_id}").json()["counters"]["packet"]["total"] == 3


@pytest.mark.parametrize(
    ("data", "status"), [(b"no capture" * 9, 422), (capture(b"x")[:-1], 422), (capture(b"x", link=101), 422)]
)
def test_a_capture_that_cannot_be_kept_is_refused(tenant: Tenant, data: bytes, status: int) -> None:
    session_id = tenant.record(1)
    assert upload(tenant, session_id, capture(b"first")).status_code == 200
    assert upload(tenant, session_id, data).status_code == status
    assert tenant.reader.get(f"/v2/sessions/{session_id}").json()["counters"]["packet"]["total"] == 1


def test_single_labels_are_added_and_removed(tenant: Tenant) -> None:
    session_id = tenant.open_session(labels=[{"name": "a"}])

    def change(how: str, *names: str) -> list[str]:
        body = {"labels": [{"name": name} for name in names]}
        answer = tenant.reader.post(f"/v2/sessions/{session_id}/labels/{how}", json=body)
        assert (answer.status_code, answer.json()) == (200, {})
        labels = tenant.reader.get(f"/v2/sessions/{session_id}").json().get("labels", [])
        return [label["name"] for label in labels]

    assert change("add", "b", "a", "c", "b") == ["a", "b", "c"]
    assert change("remove", "a", "nothing") == ["b", "c"]
    assert change("remove", "b", "c") == []
