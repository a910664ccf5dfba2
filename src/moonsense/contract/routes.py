"""The one table of routes: client, cloud and OpenAPI document all read it."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from google.protobuf.message import Message

from moonsense.contract import media, times
from moonsense.contract.problems import Problem
from moonsense.models import (
    common_v2_pb2,
    control_plane_v2_pb2,
    data_plane_v2_pb2,
    journey_feedback_pb2,
)
from moonsense.models import data_plane_v2_sdk_pb2 as sdk
from moonsense.models import webhooks_v2_pb2 as webhooks


class Scope(enum.StrEnum):
    """What a token may do; the letters of ``TokenSelfResponse.scopes``."""

    QUERY = "q"
    COLLECT = "c"
    TOKENS = "t"


class Kind(enum.Enum):
    """What a query parameter's text stands for."""

    TEXT = "text"
    INTEGER = "integer"
    TIME = "time"
    PLATFORM = "platform"
    VIEW = "view"
    EVENT = "event"
    STATE = "state"


PLATFORMS = tuple(v.name for v in common_v2_pb2.DevicePlatform.DESCRIPTOR.values if v.number)
VIEWS = ("minimal", "full")
EVENTS = tuple(v.name for v in data_plane_v2_pb2.WebhookEventTypes.DESCRIPTOR.values if v.number)
STATES = tuple(v.name for v in webhooks.WebhookDelivery.State.DESCRIPTOR.values if v.number)

_NAMES = {Kind.PLATFORM: PLATFORMS, Kind.VIEW: VIEWS, Kind.EVENT: EVENTS, Kind.STATE: STATES}

# Nine digits fit the int32 in which a page's number is answered.
_INTEGER = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True)
class Time:
    """A moment in a query and the fractional digits it was written with (see ``paging``)."""

    moment: datetime
    digits: int


Value = str | int | Time


@dataclass(frozen=True)
class Param:
    """A query parameter."""

    name: str
    wire: str
    kind: Kind
    doc: str
    many: bool = False
    required: bool = False

    def read(self, text: str) -> Value:
        """The value of the parameter's text; a Problem of status 422 names it when it has none."""
        try:
            return _read(self.kind, text)
        except ValueError as error:
            raise Problem(422, f"{self.wire}: {error}", param=self.wire) from None


def _read(kind: Kind, text: str) -> Value:
    match kind:
        case Kind.INTEGER:
            if not _INTEGER.fullmatch(text):
                raise ValueError(f"{text!r} is not a whole number of at most nine digits")
            return int(text)
        case Kind.TIME:
            moment, digits = times.parse(text)
            return Time(moment, digits)
        case Kind.TEXT:
            return text
        case Kind.PLATFORM:
            # The published 0.13.1 sends str(Platform.iOS) on one of its calls.
            return _named(kind, text.removeprefix("Platform."))
        case _:
            return _named(kind, text)


def _named(kind: Kind, text: str) -> str:
    names = _NAMES[kind]
    if text not in names:
        raise ValueError(f"{text!r} is none of {', '.join(names)}")
    return text


@dataclass(frozen=True)
class Route:
    """One method on one path.

    Attributes:
        name: how client and cloud call it.
        path: with ``{placeholders}`` for ids.
        scopes: a token needs one of these; none: the route is open to all.
        request, response: the messages of the bodies; None for no body, or one that is no message.
        needs: fields of the request that must not be empty, beside the schema's own rules.
        consumes: media types of a body that is no message.
        produces: media types of the answer, the default first.
        ranges: whether a part of the answer can be asked for, to go on where a body broke off.
        control: on the control plane.
    """

    name: str
    method: str
    path: str
    summary: str
    scopes: tuple[Scope, ...] = (Scope.QUERY,)
    params: tuple[Param, ...] = ()
    request: type[Message] | None = None
    response: type[Message] | None = None
    needs: tuple[str, ...] = ()
    consumes: tuple[str, ...] = ()
    produces: tuple[str, ...] = (media.JSON, media.PROTOBUF)
    ranges: bool = False
    control: bool = False
    success: int = 200

    @property
    def has_body(self) -> bool:
        """Whether requests have a body."""
        return self.request is not None or bool(self.consumes)

    @property
    def idempotent_by_key(self) -> bool:
        """Whether an ``Idempotency-Key`` is honoured: on every POST of one message.

        Bundles have their own way: the index says which were sent before.
        """
        return self.method == "POST" and self.request not in (None, sdk.BundleCreateRequest)

    def fill(self, **ids: str) -> str:
        """The path with ids put in, each quoted so that it stays one segment.

        Raises ValueError on an empty id or one that is a dot segment: no
        quoting keeps those from naming another route.
        """
        for name, value in ids.items():
            if value in ("", ".", ".."):
                raise ValueError(f"{name} must not be {value!r}")
        return self.path.format(**{name: quote(value, safe="") for name, value in ids.items()})

    def query(self, values: Mapping[str, object]) -> list[tuple[str, str]]:
        """Values by name as the query of a request; None and empty lists are left out.

        A text given where many are taken is one of them, not one a letter.
        """
        pairs: list[tuple[str, str]] = []
        for param in self.params:
            value = values.get(param.name)
            if value is None:
                continue
            many = (
                value
                if param.many and isinstance(value, Iterable) and not isinstance(value, str)
                else [value]
            )
            pairs.extend((param.wire, _write(item)) for item in many)
        return pairs

    def read_query(self, pairs: Iterable[tuple[str, str]]) -> dict[str, Value | list[Value]]:
        """A request's query by name. Unknown parameters are ignored; the last of a repeated one counts."""
        by_wire = {param.wire: param for param in self.params}
        values: dict[str, Value | list[Value]] = {}
        for wire, text in pairs:
            param = by_wire.get(wire)
            if param is None or (text == "" and not param.required):
                continue
            if param.many:
                many = values.setdefault(param.name, [])
                assert isinstance(many, list)
                many.append(param.read(text))
            else:
                values[param.name] = param.read(text)
        for param in self.params:
            if param.required and values.get(param.name) in (None, ""):
                raise Problem(422, f"{param.wire} is missing", param=param.wire)
        return values


def _write(value: object) -> str:
    if isinstance(value, datetime):
        return times.write(value)
    if isinstance(value, enum.Enum):
        return str(value.value)
    return str(value)


PER_PAGE = Param("per_page", "per_page", Kind.INTEGER, "items a page, 1 to 100; 25 without it")
PAGE = Param("page", "page", Kind.INTEGER, "the page, from 1")
CURSOR = Param("cursor", "cursor", Kind.TEXT, "where the list goes on; comes with the Link header")
LABELS = Param("labels", "filter[labels][]", Kind.TEXT, "sessions with any of these labels", many=True)
PLATFORM = Param(
    "platforms", "filter[platforms][]", Kind.PLATFORM, "sessions of any of these platforms", many=True
)
JOURNEY_ID = Param("journey_id", "filter[journey_id]", Kind.TEXT, "sessions of this journey")
GROUP_ID = Param(
    "client_session_group_id",
    "filter[client_session_group_id]",
    Kind.TEXT,
    "sessions of this client session group",
)
SINCE = Param("since", "filter[min_created_at]", Kind.TIME, "created at this time or later")
UNTIL = Param(
    "until",
    "filter[max_created_at]",
    Kind.TIME,
    "created before this time; at or before it when it has six fractional digits",
)
VIEW = Param("view", "view", Kind.VIEW, "minimal: counters' totals; full: with buckets of one minute")
SESSION_ID = Param("session_id", "session_id", Kind.TEXT, "the session", required=True)
ENDPOINT_ID = Param("endpoint_id", "filter[endpoint_id]", Kind.TEXT, "deliveries to this endpoint")
OF_SESSION = Param("session_id", "filter[session_id]", Kind.TEXT, "deliveries about this session")
EVENT = Param("event", "filter[event]", Kind.EVENT, "deliveries of this event")
STATE = Param("state", "filter[state]", Kind.STATE, "deliveries that are so far")

_ALL = (Scope.QUERY, Scope.COLLECT, Scope.TOKENS)

ROUTES: tuple[Route, ...] = (
    Route("list_regions", "GET", "/v2/regions", "List the regions", scopes=(), control=True,
          response=control_plane_v2_pb2.DataRegionsListResponse),
    Route("locate_region", "GET", "/v2/regions/locate", "The region to record to", scopes=(), control=True,
          response=control_plane_v2_pb2.DataRegionsLocateResponse),
    Route("whoami", "GET", "/v2/tokens/self", "Describe the token", scopes=_ALL,
          response=common_v2_pb2.TokenSelfResponse),
    Route("list_sessions", "GET", "/v2/sessions", "List sessions, newest first",
          params=(PER_PAGE, PAGE, CURSOR, LABELS, PLATFORM, JOURNEY_ID, GROUP_ID, SINCE, UNTIL),
          response=data_plane_v2_pb2.SessionListResponse),
    Route("create_session", "POST", "/v2/sessions", "Open a session to record into",
          scopes=(Scope.COLLECT,), request=sdk.Session, response=sdk.Session),
    Route("describe_session", "GET", "/v2/sessions/{session_id}", "Describe a session",
          params=(VIEW,), response=sdk.Session),
    Route("delete_session", "DELETE", "/v2/sessions/{session_id}", "Delete a session with all its data",
          response=data_plane_v2_pb2.SessionDeleteResponse),
    Route("update_session_labels", "POST", "/v2/sessions/{session_id}/labels", "Replace a session's labels",
          scopes=(Scope.QUERY, Scope.COLLECT),
          request=sdk.SessionLabelCreateRequest, response=sdk.SessionLabelCreateResponse),
    Route("list_chunks", "GET", "/v2/sessions/{session_id}/chunks", "List a session's chunks, oldest first",
          params=(PER_PAGE, PAGE), response=data_plane_v2_pb2.ChunksListResponse),
    Route("read_chunk", "GET", "/v2/sessions/{session_id}/chunks/{chunk_id}", "The bundles of a chunk",
          produces=(media.NDJSON, media.FRAMES), ranges=True),
    Route("read_session", "GET", "/v2/sessions/{session_id}/bundles",
          "All bundles received so far, sealed or not",
          produces=(media.TAR_GZ, media.FRAMES, media.NDJSON), ranges=True),
    Route("list_cards", "GET", "/v2/cards", "List a session's cards, newest first",
          params=(SESSION_ID, PER_PAGE, PAGE), response=data_plane_v2_pb2.CardListResponse),
    Route("create_card", "POST", "/v2/cards", "Put a card on a session",
          request=data_plane_v2_pb2.Card, response=data_plane_v2_pb2.Card, needs=("session_id",)),
    Route("delete_card", "DELETE", "/v2/cards/{card_id}", "Delete a card",
          response=data_plane_v2_pb2.CardDeleteResponse),
    Route("list_labels", "GET", "/v2/labels", "List the project's labels",
          response=data_plane_v2_pb2.LabelListResponse),
    Route("top_labels", "GET", "/v2/labels/top", "The labels with the most sessions",
          response=data_plane_v2_pb2.LabelsTopResponse),
    Route("create_bundles", "POST", "/v2/bundles", "Record bundles into a session",
          scopes=(Scope.COLLECT,), request=sdk.BundleCreateRequest, response=sdk.BundleCreateResponse,
          needs=("session_id",)),
    Route("add_session_labels", "POST", "/v2/sessions/{session_id}/labels/add",
          "Give a session labels beside those it has", scopes=(Scope.QUERY, Scope.COLLECT),
          request=sdk.SessionLabelCreateRequest, response=sdk.SessionLabelCreateResponse),
    Route("remove_session_labels", "POST", "/v2/sessions/{session_id}/labels/remove",
          "Take labels off a session", scopes=(Scope.QUERY, Scope.COLLECT),
          request=sdk.SessionLabelCreateRequest, response=sdk.SessionLabelCreateResponse),
    Route("list_journeys", "GET", "/v2/journeys", "List journeys, newest first",
          params=(PER_PAGE, PAGE, CURSOR, PLATFORM, SINCE, UNTIL),
          response=data_plane_v2_pb2.JourneyListResponse),
    Route("describe_journey", "GET", "/v2/journeys/{journey_id}", "Describe a journey with its sessions",
          response=data_plane_v2_pb2.JourneyDetailResponse),
    Route("get_journey_feedback", "GET", "/v2/journeys/{journey_id}/feedback",
          "What was reported about a journey", response=journey_feedback_pb2.JourneyFeedback),
    Route("add_journey_feedback", "POST", "/v2/journeys/{journey_id}/feedback",
          "Report about a journey; a type given again is overwritten, others stay",
          request=journey_feedback_pb2.JourneyFeedback, response=journey_feedback_pb2.JourneyFeedback),
    Route("list_journey_features", "GET", "/v2/journeys/{journey_id}/features", "The features of a journey",
          response=data_plane_v2_pb2.JourneyFeaturesResponse),
    Route("set_journey_features", "POST", "/v2/journeys/{journey_id}/features", "Add features to a journey",
          request=data_plane_v2_pb2.JourneyFeaturesResponse,
          response=data_plane_v2_pb2.JourneyFeaturesResponse),
    Route("list_session_features", "GET", "/v2/sessions/{session_id}/features", "The features of a session",
          response=data_plane_v2_pb2.SessionFeaturesResponse),
    Route("set_session_features", "POST", "/v2/sessions/{session_id}/features", "Add features to a session",
          request=data_plane_v2_pb2.SessionFeaturesResponse,
          response=data_plane_v2_pb2.SessionFeaturesResponse),
    Route("list_session_signals", "GET", "/v2/sessions/{session_id}/signals", "The signals of a session",
          response=data_plane_v2_pb2.SignalsResponse),
    Route("set_session_signals", "POST", "/v2/sessions/{session_id}/signals", "Set the signals of a session",
          request=data_plane_v2_pb2.SignalsResponse, response=data_plane_v2_pb2.SignalsResponse),
    Route("download_packets", "GET", "/v2/sessions/{session_id}/network-telemetry/packets",
          "The packets captured with a session, as one pcap in a tar.gz", produces=(media.TAR_GZ,)),
    Route("upload_packets", "POST", "/v2/sessions/{session_id}/network-telemetry/packets",
          "Add a packet capture (pcap) to a session", scopes=(Scope.COLLECT,),
          consumes=(media.PCAP, media.TAR_GZ), response=sdk.NetworkPacketCaptureClientResponse),
    Route("list_webhook_endpoints", "GET", "/v2/webhooks/endpoints",
          "List the endpoints that webhooks are sent to, oldest first",
          params=(PER_PAGE, PAGE), response=webhooks.WebhookEndpointListResponse),
    Route("create_webhook_endpoint", "POST", "/v2/webhooks/endpoints",
          "Make an endpoint; its secret is shown this once",
          request=webhooks.WebhookEndpoint, response=webhooks.WebhookEndpointSecret),
    Route("describe_webhook_endpoint", "GET", "/v2/webhooks/endpoints/{endpoint_id}", "Describe an endpoint",
          response=webhooks.WebhookEndpoint),
    Route("update_webhook_endpoint", "POST", "/v2/webhooks/endpoints/{endpoint_id}",
          "Change an endpoint: all that can be set of it is replaced",
          request=webhooks.WebhookEndpoint, response=webhooks.WebhookEndpoint),
    Route("delete_webhook_endpoint", "DELETE", "/v2/webhooks/endpoints/{endpoint_id}",
          "Delete an endpoint with what waits for it", response=webhooks.WebhookEndpointDeleteResponse),
    Route("rotate_webhook_secret", "POST", "/v2/webhooks/endpoints/{endpoint_id}/secret",
          "Give an endpoint a new secret, shown this once; the one before signs too for a while",
          request=webhooks.WebhookSecretRotateRequest, response=webhooks.WebhookEndpointSecret),
    Route("test_webhook_endpoint", "POST", "/v2/webhooks/endpoints/{endpoint_id}/test",
          "Send an endpoint an event that nothing happened for",
          request=webhooks.WebhookTestRequest, response=webhooks.WebhookDelivery),
    Route("list_webhook_deliveries", "GET", "/v2/webhooks/deliveries",
          "List the deliveries of the last 30 days, newest first",
          params=(PER_PAGE, PAGE, CURSOR, ENDPOINT_ID, OF_SESSION, EVENT, STATE, SINCE, UNTIL),
          response=webhooks.WebhookDeliveryListResponse),
    Route("describe_webhook_delivery", "GET", "/v2/webhooks/deliveries/{delivery_id}",
          "Describe a delivery with every try", response=webhooks.WebhookDelivery),
    Route("resend_webhook_deliveries", "POST", "/v2/webhooks/redelivery",
          "Send deliveries again, by their ids or by what they have in common",
          request=webhooks.WebhookResendRequest, response=webhooks.WebhookResendResponse),
    Route("healthz", "GET", "/healthz", "Whether the process lives", scopes=(), produces=(media.JSON,)),
    Route("readyz", "GET", "/readyz", "Whether it can store and serve", scopes=(), produces=(media.JSON,)),
    Route("metrics", "GET", "/metrics", "Numbers for Prometheus", scopes=(), produces=("text/plain",)),
    Route("openapi", "GET", "/openapi.json", "This table as an OpenAPI document", scopes=(),
          produces=(media.JSON,)),
)  # fmt: skip

BY_NAME: dict[str, Route] = {route.name: route for route in ROUTES}
