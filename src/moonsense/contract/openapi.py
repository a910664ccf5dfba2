"""The contract's table as an OpenAPI 3.1 document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

from moonsense.contract import headers, limits, media, schemas
from moonsense.contract.problems import TYPES
from moonsense.contract.routes import EVENTS, PLATFORMS, ROUTES, STATES, VIEWS, Kind, Param, Route
from moonsense.models import rules_pb2
from moonsense.models.common_v2_pb2 import ErrorResponse
from moonsense.reflection import is_map, is_repeated

if TYPE_CHECKING:
    from google.protobuf.descriptor import (
        Descriptor,
        EnumDescriptor,
        FieldDescriptor,
        OneofDescriptor,
    )
    from google.protobuf.message import Message

Schema = dict[str, Any]

_INT64 = {"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,19}$"}
_UINT64 = {"type": "string", "format": "uint64", "pattern": "^[0-9]{1,20}$"}
_INT32 = {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1}
_UINT32 = {"type": "integer", "format": "uint32", "minimum": 0, "maximum": 2**32 - 1}
_LARGEST_FLOAT = 3.4028234663852886e38
_FLOAT = {"type": "number", "format": "float", "minimum": -_LARGEST_FLOAT, "maximum": _LARGEST_FLOAT}
_NOT_FINITE = {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]}

# By protobuf's number of the type (FieldDescriptor.TYPE_*).
_SCALARS: dict[int, Schema] = {
    1: {"oneOf": [{"type": "number", "format": "double"}, _NOT_FINITE]},
    2: {"oneOf": [_FLOAT, _NOT_FINITE]},
    3: _INT64,
    4: _UINT64,
    5: _INT32,
    6: _UINT64,
    7: _UINT32,
    8: {"type": "boolean"},
    9: {"type": "string"},
    12: {
        "type": "string",
        "contentEncoding": "base64",
        "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
    },
    13: _UINT32,
    15: _INT32,
    16: _INT64,
    17: _INT32,
    18: _INT64,
}

_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
}

_KINDS: dict[Kind, Schema] = {
    Kind.TEXT: {"type": "string"},
    Kind.INTEGER: {"type": "integer", "minimum": -999_999_999, "maximum": 999_999_999},
    Kind.TIME: {"type": "string", "format": "date-time"},
    Kind.PLATFORM: {"type": "string", "enum": list(PLATFORMS)},
    Kind.VIEW: {"type": "string", "enum": list(VIEWS)},
    Kind.EVENT: {"type": "string", "enum": list(EVENTS)},
    Kind.STATE: {"type": "string", "enum": list(STATES)},
}

# Fields whose text is an identifier (see ``ids.is_id``), or empty where there is none yet.
_ID_FIELDS = ("session_id", "chunk_id", "card_id", "endpoint_id", "delivery_id")
_ID = {"type": "string", "pattern": "^[A-Za-z0-9_-]{0,64}$"}

# Texts that must be more than texts.
_TEXTS: dict[str, Schema] = {
    "v2.webhooks.WebhookEndpoint.url": {"format": "uri", "maxLength": limits.MAX_WEBHOOK_URL},
    "v2.webhooks.WebhookEndpoint.schema_version": {"enum": ["", *schemas.VERSIONS]},
    "v2.webhooks.WebhookEndpoint.description": {"maxLength": limits.MAX_WEBHOOK_DESCRIPTION},
}

_ERROR = "Error"

_BINARY: Schema = {"type": "string", "contentEncoding": "binary"}


def document(*, version: str = "2") -> Schema:
    """The document, as what ``json.dumps`` takes. It names no server: it holds for the host it came from."""
    components: dict[str, Schema] = {_ERROR: _error_schema()}
    paths: dict[str, dict[str, Schema]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Moonsense Cloud",
            "version": version,
            "description": "Sessions of recorded behaviour and sensors: record, list, label and read them.",
        },
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, components: dict[str, Schema]) -> Schema:
    operation: Schema = {
        "operationId": route.name,
        "summary": route.summary,
        "responses": {
            str(route.success): _success(route, components),
            **(
                {"206": _success(route, components) | {"description": "The part asked for"}}
                if route.ranges
                else {}
            ),
            **{str(status): _problem(status) for status in _statuses(route)},
        },
    }
    parameters = [*_path_parameters(route), *map(_query_parameter, route.params), *_header_parameters(route)]
    if parameters:
        operation["parameters"] = parameters
    if route.request is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {
                media.JSON: {"schema": _request(route, route.request, components)},
                media.PROTOBUF: {"schema": _binary(route.request)},
            },
        }
    elif route.consumes:
        content = {consumed: {"schema": _BINARY} for consumed in route.consumes}
        operation["requestBody"] = {"required": True, "content": content}
    if route.scopes:
        operation["security"] = [{"token": []}]
        names = " or ".join(f"`{scope}` ({scope.name.lower()})" for scope in route.scopes)
        operation["description"] = f"Needs a token with the scope {names}."
    return operation


def _success(route: Route, components: dict[str, Schema]) -> Schema:
    content: dict[str, Schema] = {}
    for produced in route.produces:
        schema: Schema = _BINARY
        if produced == media.JSON:
            schema = {"type": "object"}
            if route.response is not None:
                schema = _message(route.response, components)
        elif produced == media.PROTOBUF and route.response is not None:
            schema = _binary(route.response)
        elif produced.startswith("text/"):
            schema = {"type": "string"}
        content[produced] = {"schema": schema}
    return {"description": "Success", "headers": _REQUEST_ID, "content": content}


_REQUEST_ID: Schema = {
    headers.REQUEST_ID: {"schema": {"type": "string"}, "description": "Names the request in the cloud's log"}
}


def _problem(status: int) -> Schema:
    return {
        "description": TYPES[status],
        "headers": _REQUEST_ID,
        "content": {media.JSON: {"schema": _ref(_ERROR)}},
    }


def _statuses(route: Route) -> Iterator[int]:
    """The errors that a route can answer."""
    if route.has_body or route.params:
        yield 400
    if route.scopes:
        yield 401
        yield 403
    if "{" in route.path or route.has_body or any(param.required for param in route.params):
        yield 404
    yield 405
    if route.has_body:
        yield 409
        yield 413
        yield 415
    if route.ranges:
        yield 416
    if route.has_body or route.params:
        yield 422
    if route.scopes:
        yield 429
    yield 500
    yield 503


_PATH_ID: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}
_JOURNEY_ID: Schema = {"type": "string", "minLength": 1}


def _header_parameters(route: Route) -> Iterator[Schema]:
    described: list[tuple[str, str]] = []
    if route.idempotent_by_key:
        described.append((headers.IDEMPOTENCY_KEY, "the same key and body again get the first answer again"))
    if route.ranges:
        described += [
            ("Range", "`bytes=N-`: the rest of a body that broke off"),
            ("If-Range", "the `ETag` of the body that broke off"),
        ]
    for name, doc in described:
        schema: Schema = {"type": "string"}
        yield {"name": name, "in": "header", "required": False, "description": doc, "schema": schema}


def _path_parameters(route: Route) -> Iterator[Schema]:
    for segment in route.path.split("/"):
        if segment.startswith("{"):
            yield {
                "name": segment[1:-1],
                "in": "path",
                "required": True,
                "schema": _JOURNEY_ID if segment == "{journey_id}" else _PATH_ID,
            }


def _query_parameter(param: Param) -> Schema:
    schema = _KINDS[param.kind]
    if param.required and param.kind is Kind.TEXT:
        schema = {**schema, "minLength": 1}
    parameter: Schema = {
        "name": param.wire,
        "in": "query",
        "description": param.doc,
        "required": param.required,
        "schema": {"type": "array", "items": schema} if param.many else schema,
    }
    if param.many:
        parameter |= {"style": "form", "explode": True}
    return parameter


def _request(route: Route, message: type[Message], components: dict[str, Schema]) -> Schema:
    schema = _message(message, components)
    if not route.needs:
        return schema
    there = {"type": "string", "minLength": 1}
    return {
        "allOf": [
            schema,
            {"properties": dict.fromkeys(route.needs, there), "required": list(route.needs)},
        ]
    }


def _message(message: type[Message], components: dict[str, Schema]) -> Schema:
    return _described(cast("Descriptor", message.DESCRIPTOR), components)


def _described(descriptor: Descriptor, components: dict[str, Schema]) -> Schema:
    """A reference to a message's schema, which is put among the components."""
    if descriptor.full_name in _WELL_KNOWN:
        return _WELL_KNOWN[descriptor.full_name]
    name = descriptor.full_name
    if name not in components:
        schema = components[name] = {"type": "object"}  # there already when a message holds itself
        if descriptor.fields:
            schema["properties"] = {field.name: _field(field, components) for field in descriptor.fields}
        if required := [field.name for field in descriptor.fields if _least_length(field)]:
            schema["required"] = required
        if choices := [_choice(oneof) for oneof in descriptor.oneofs]:
            schema["allOf"] = choices
    return _ref(name)


def _choice(oneof: OneofDescriptor) -> Schema:
    """At most one of the fields of a oneof is there."""
    present: list[Schema] = [{"required": [field.name]} for field in oneof.fields]
    return {"oneOf": [*present, {"not": {"anyOf": present}}]}


def _field(field: FieldDescriptor, components: dict[str, Schema]) -> Schema:
    if is_map(field):
        assert field.message_type is not None
        value = field.message_type.fields_by_name["value"]
        return {"type": "object", "additionalProperties": _single(value, components)}
    single = _single(field, components)
    if is_repeated(field):
        return {"type": "array", "items": single}
    if field.GetOptions().deprecated:
        return {**single, "deprecated": True}
    return single


def _single(field: FieldDescriptor, components: dict[str, Schema]) -> Schema:
    if field.message_type is not None:
        return _described(field.message_type, components)
    if field.enum_type is not None:
        return _enum(field.enum_type, field.GetOptions().Extensions[rules_pb2.field].not_in)
    if field.name in _ID_FIELDS:
        return _ID
    least = _least_length(field)
    schema = {**_SCALARS[field.type], **_TEXTS.get(field.full_name, {})}
    return {**schema, "minLength": least} if least else schema


def _least_length(field: FieldDescriptor) -> int:
    """The least characters of a text by the schema's rules; with any, the field must be there."""
    rules = field.GetOptions().Extensions[rules_pb2.field]
    return max(rules.min_len, 1 if rules.min_bytes else 0)


def _enum(descriptor: EnumDescriptor, not_in: Iterable[int]) -> Schema:
    return {"type": "string", "enum": [v.name for v in descriptor.values if v.number not in not_in]}


def _binary(message: type[Message]) -> Schema:
    return {**_BINARY, "description": f"The message {message.DESCRIPTOR.full_name} in protobuf"}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _error_schema() -> Schema:
    """As ``ErrorResponse``, but that its three fields are there also when they are empty."""
    names = [field.name for field in ErrorResponse.DESCRIPTOR.fields]
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names},
        "required": names,
    }
