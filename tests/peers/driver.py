"""Runs calls on a published client, in that client's own environment.

    <environment>/bin/python -I driver.py

Every line of the input is a call, every line of the output its answer, both in
JSON. The first call makes the client. Nothing of this project is imported.

    {"call": "Client", "arguments": {"secret_token": "…", …}}     -> {"result": "0.13.1"}
    {"call": "read_session", "arguments": {"session_id": "…"}}    -> {"result": [{…}, …]}
    {"call": "describe_session", "arguments": {"session_id": ""}} -> {"error": "RuntimeError: …"}
    {"call": "", "arguments": {}}                             -> {"result": ["create_card", …]}

The last is for the names of all calls. Hosts under ``.test`` are on this machine.
"""

import inspect
import json
import multiprocessing
import os
import socket
import sys
from datetime import date, datetime
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
    """An argument as the client takes it; texts of ten characters are days."""
    if value is None:
        return None
    if name in ("since", "until"):
        return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    if name == "skip_days":
        return [date.fromisoformat(one) for one in value]
    if name == "platforms":
        return [moonsense.Platform(one) for one in value]
    return value


def calls():
    """The names of the client's calls."""
    return sorted(name for name, _ in inspect.getmembers(Client, callable) if not name.startswith("_"))


def resolve_test_hosts():
    """Find the hosts under .test (RFC 6761), which no name server knows, on the loopback interface."""
    resolve = socket.getaddrinfo

    def getaddrinfo(host, *args, **options):
        return resolve("127.0.0.1" if str(host).endswith(".test") else host, *args, **options)

    socket.getaddrinfo = getaddrinfo


def main():
    resolve_test_hosts()
    # The answers have their channel to themselves: these clients print.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    client = None
    for line in sys.stdin:
        order = json.loads(line)
        try:
            arguments = {name: revive(name, value) for name, value in order["arguments"].items()}
            if client is None:
                client = Client(**arguments)
                answer = {"result": version("moonsense")}
            elif not order["call"]:
                answer = {"result": calls()}
            else:
                answer = {"result": plain(getattr(client, order["call"])(**arguments))}
        except Exception as error:  # noqa: BLE001 - whatever it is, the test sees it
            answer = {"error": f"{type(error).__name__}: {error}"}
        for worker in multiprocessing.active_children():  # of a download; they never end by themselves
            worker.kill()
            worker.join()
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
