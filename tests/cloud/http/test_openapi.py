"""The OpenAPI document: valid, of the contract's table, and true of the running cloud."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import jsonschema_rs
import orjson
import pytest
import schemathesis
from hypothesis import settings
from schemathesis.checks import negative_data_rejection
from support.tenants import Tenant

from moonsense.contract import headers, media, openapi
from moonsense.contract.routes import BY_NAME, ROUTES, Scope

DOCUMENT = openapi.document()


def _generable(document: dict[str, Any]) -> dict[str, Any]:
    """The document without what no schema describes.

    Bodies in protobuf, cursors, the ends of 64 bits, and keys, of which one
    that was used for another request is refused.
    """
    text = orjson.dumps(document).decode().replace("{1,19}", "{1,18}").replace("{1,20}", "{1,18}")
    document = orjson.loads(text)
    # Not every URI can be an endpoint's, and its app must be there.
    endpoint = document["components"]["schemas"]["v2.webhooks.WebhookEndpoint"]["properties"]
    endpoint["url"] = {"type": "string", "pattern": r"^https://[a-z]{2,9}\.org/[a-z0-9?=&%-]{0,9}$"}
    endpoint["app_id"] = {"type": "string", "enum": [""]}
    for methods in document["paths"].values():
        for operation in methods.values():
            if "requestBody" in operation:
                operation["requestBody"]["content"].pop(media.PROTOBUF, None)
            operation["parameters"] = [
                parameter
                for parameter in operation.get("parameters", [])
                if parameter["name"] not in ("cursor", headers.IDEMPOTENCY_KEY)
            ]
    return document


@schemathesis.serializer(media.PCAP, media.TAR_GZ)
def _as_it_is(_context: object, value: object) -> bytes:
    """Bodies that are no message: bytes that are hardly ever a packet capture."""
    return value if isinstance(value, bytes) else str(value).encode()


schema = schemathesis.openapi.from_dict(_generable(DOCUMENT))


@pytest.fixture(scope="module")
def project(tenants: Callable[[], Tenant]) -> Tenant:
    """A project that the generated requests may do anything to."""
    return tenants()


def test_the_cloud_serves_it(anonymous: httpx2.Client) -> None:
    assert anonymous.get("/openapi.json").json() == DOCUMENT


def test_it_has_every_route_and_no_other() -> None:
    operations = {
        (method.upper(), path, operation["operationId"])
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    }

    assert operations == {(route.method, route.path, route.name) for route in ROUTES}


def test_every_reference_leads_somewhere_and_nothing_is_left_over() -> None:
    def references(node: object) -> set[str]:
        if isinstance(node, dict):
            own = {str(node["$ref"])} if "$ref" in node else set()
            return own.union(*map(references, node.values()))
        return set().union(*map(references, node)) if isinstance(node, list) else set()

    defined = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert references(DOCUMENT) == defined


def test_every_schema_is_a_schema() -> None:
    for described in DOCUMENT["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **described})


@schema.parametrize()
@settings(max_examples=6, derandomize=True, database=None)
def test_the_cloud_does_what_it_says(case: schemathesis.Case, project: Tenant) -> None:
    route = BY_NAME[case.operation.definition.raw["operationId"]]
    client = project.recorder if Scope.COLLECT in route.scopes else project.reader
    token = {"Authorization": client.headers["Authorization"]} if route.scopes else {}

    answer = case.call(base_url=str(client.base_url), headers=token)

    # The JSON form of protobuf takes more than it writes: nulls, numbers as texts
    # and texts as numbers, unknown fields. That is not checked for being refused.
    case.validate_response(answer, headers=token, excluded_checks=[negative_data_rejection])
    assert answer.headers["x-request-id"]
