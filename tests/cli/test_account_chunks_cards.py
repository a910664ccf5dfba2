"""``whoami``, ``regions``, ``chunks`` and ``cards``, on a real cloud."""

from __future__ import annotations

import json
from collections.abc import Callable

from moonsense.client import Client
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.contract.ids import new_id
from moonsense.simulator import checkout_bot, walking_phone


def test_whoami_names_project_app_and_rights(on_cloud: Callable, cloud: EmbeddedCloud) -> None:
    shown = dict(line.split(maxsplit=1) for line in on_cloud("whoami").stdout.splitlines())
    assert shown["project"] == cloud.project_id
    assert shown["app"] == cloud.app_id
    assert "query" in shown["may"]
    assert shown["cloud"] == cloud.url


def test_whoami_of_a_recording_token(on_cloud: Callable, cloud: EmbeddedCloud) -> None:
    result = on_cloud("whoami", MOONSENSE_SECRET_TOKEN=cloud.public_token)
    assert "may         collect" in result.stdout


def test_whoami_as_json(on_cloud: Callable, cloud: EmbeddedCloud) -> None:
    token = json.loads(on_cloud("whoami", "--json").stdout)
    assert token["project_id"] == cloud.project_id


def test_regions(on_cloud: Callable) -> None:
    result = on_cloud("regions")
    assert result.exit_code == 0
    title, *rows = result.stdout.splitlines()
    assert title.split()[:2] == ["REGION", "URL"]
    names = [region["name"] for region in json.loads(on_cloud("regions", "--json").stdout)["regions"]]
    assert [row.split()[0] for row in rows] == names
    assert names


def test_chunks_are_listed_and_read(
    on_cloud: Callable, record: Callable, client: Client, eventually: Callable
) -> None:
    simulated = walking_phone(1, 3.0)
    session_id = record(simulated)
    eventually(lambda: list(client.list_chunks(session_id)), timeout=60)

    title, row = on_cloud("chunks", "list", session_id).stdout.splitlines()
    assert title.split() == ["CHUNK", "CREATED", "MD5"]
    chunk_id, *_, md5 = row.split()
    (chunk,) = json.loads(on_cloud("chunks", "list", session_id, "--json").stdout)
    assert (chunk["chunk_id"], chunk["md5"]) == (chunk_id, md5)

    lines = on_cloud("chunks", "read", session_id, chunk_id, "--json").stdout.splitlines()
    assert [json.loads(line)["bundle"]["index"] for line in lines] == [1, 2, 3]
    summed = on_cloud("chunks", "read", session_id, chunk_id)
    rows = [row.split() for row in summed.stdout.splitlines()]
    assert ["accelerometer", "300"] in [row[:2] for row in rows]


def test_a_session_without_chunks_says_when_they_come(on_cloud: Callable, recording_client: Client) -> None:
    session_id = recording_client.create_session(checkout_bot(1).session).session_id
    result = on_cloud("chunks", "list", session_id)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("no chunks yet")
    assert json.loads(on_cloud("chunks", "list", session_id, "--json").stdout) == []


def test_an_unknown_chunk_is_exit_code_4(on_cloud: Callable, record: Callable) -> None:
    assert on_cloud("chunks", "read", record(), new_id()).exit_code == 4


def test_cards_are_created_and_listed(on_cloud: Callable, record: Callable) -> None:
    session_id = record()
    assert on_cloud("cards", "list", session_id).stderr == "no cards\n"
    created = on_cloud("cards", "create", session_id, "--title", "Odd", "-d", "Keys are too even.")
    assert created.exit_code == 0
    card_id = created.stdout.strip()

    title, row = on_cloud("cards", "list", session_id).stdout.splitlines()
    assert title.split() == ["CARD", "CREATED", "TITLE", "DESCRIPTION"]
    assert row.startswith(card_id)
    assert row.endswith("Odd    Keys are too even.")
    (card,) = json.loads(on_cloud("cards", "list", session_id, "--json").stdout)
    assert (card["card_id"], card["title"], card["source_type"]) == (card_id, "Odd", "API")

    document = on_cloud("cards", "create", session_id, "-t", "More", "--json").stdout
    assert json.loads(document)["title"] == "More"


def test_a_card_needs_a_title(on_cloud: Callable, record: Callable) -> None:
    result = on_cloud("cards", "create", record())
    assert result.exit_code == 2
    assert "--title" in result.stderr
