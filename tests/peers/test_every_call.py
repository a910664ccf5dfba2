"""No call of a published client is forgotten here."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from support.published import Connect

from moonsense.cloud.embed import EmbeddedCloud

pytestmark = pytest.mark.peers


def calls_of_the_tests() -> set[str]:
    """The names of the calls that tests of this folder make: the words given to ``call`` or parametrized."""
    names = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "call"
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                names.add(node.args[0].value)
    return names


def test_every_call_is_made_against_our_cloud(connect: Connect, recording_cloud: EmbeddedCloud) -> None:
    published = connect(recording_cloud)
    names = published.calls()
    assert {"whoami", "list_sessions", "read_session", "create_card"} <= set(names)
    assert set(names) - calls_of_the_tests() == set()
