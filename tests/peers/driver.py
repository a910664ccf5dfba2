"""Runs calls on a published client, in that client's own environment.

    <environment>/bin/python -I driver.py

Every line of the input is a call, every line of the output its answer, both in
JSON. The first call makes the client. Nothing of this project is imported.

    {"call": "Client", "arguments": {"secret_token": "…", …}}     -> {"result": "0.13.1"}
    {"call": "read_session", "arguments": {"session_id": "…"}}    -> {"result": [{…}, …]}
    {"call": "describe_session", "arguments": {"session_id": ""}} -> {"error": "RuntimeError: …"}
"""

import json
import os
import sys
from datetime import datetime
from importlib.metadata import version

from google.protobuf import json_format
from google.protobuf.message import Message

import moonsense
from moonsense.client import Client


def plain(value):
    """A message as a dict, what can be walked as a list; walking is where lists and readers do their work."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Message):
        return json_format.MessageToDict(value, preserving_proto_field_name=True)
    return [plain(item) for item in value]


def revive(name, value):
    """An argument as the client takes it."""
    if name in ("since", "until"):
        return datetime.fromisoformat(value)
    if name == "platforms":
        return [moonsense.Platform(one) for one in value]
    return value


def main():
    # The answers have their channel to themselves: these clients print.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    client = None
    for line in sys.stdin:
        order = json.loads(line)
        arguments = {name: revive(name, value) for name, value in order["arguments"].items()}
        try:
            if client is None:
                client = Client(**arguments)
                answer = {"result": version("moonsense")}
            else:
                answer = {"result": plain(getattr(client, order["call"])(**arguments))}
        except Exception as error:  # noqa: BLE001 - whatever it is, the test sees it
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
