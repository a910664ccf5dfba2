"""Arguments of calls, checked before anything is sent."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

from moonsense.codec import json
from moonsense.contract import times
from moonsense.contract.platforms import Platform
from moonsense.errors import DecodeError
from moonsense.models.journey_feedback_pb2 import JourneyFeedback


def checked_labels(labels: Iterable[str]) -> list[str]:
    """Names of labels as a list. Raises TypeError for one string, which would be a label a letter."""
    if isinstance(labels, (str, bytes)):
        raise TypeError(f"labels must be a list of strings such as [{labels!r}], not one string")
    names = list(labels)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"a label must be a string, not {type(name).__name__}")
    return names


def checked_ids(ids: Iterable[str]) -> list[str]:
    """Identifiers as a list. Raises TypeError for one string, which would be an id a letter."""
    if isinstance(ids, (str, bytes)):
        raise TypeError(f"ids must be a list of strings such as [{ids!r}], not one string")
    return list(ids)


def labels_filter(labels: Iterable[str] | None) -> list[str] | None:
    """Labels to filter by. One string is one label here, as the published clients send it."""
    if labels is None:
        return None
    return [labels] if isinstance(labels, str) else checked_labels(labels)


def platforms_filter(platforms: Iterable[Platform | str] | None) -> list[str] | None:
    """Names of platforms to filter by. Raises TypeError or NotImplementedError for what is none."""
    if platforms is None:
        return None
    if isinstance(platforms, (str, enum.Enum)):
        raise TypeError(f"platforms must be a list such as [Platform.WEB], not {platforms!r}")
    return [(p if isinstance(p, Platform) else Platform.from_str(p)).value for p in platforms]


def checked_limit(limit: int | None) -> int | None:
    """At most so many items, or None for all. Raises ValueError below 0."""
    if limit is not None and limit < 0:
        raise ValueError(f"limit must not be below 0, and is {limit}")
    return limit


def checked_skip(skip: int) -> int:
    """How many items to leave out at the beginning. Raises ValueError below 0."""
    if skip < 0:
        raise ValueError(f"skip must not be below 0, and is {skip}")
    return skip


def feedback_message(feedback: JourneyFeedback | Mapping[str, Any]) -> JourneyFeedback:
    """Feedback as a message. Raises TypeError or ValueError for what is none."""
    if isinstance(feedback, JourneyFeedback):
        return feedback
    if not isinstance(feedback, Mapping):
        raise TypeError(f"feedback must be a JourneyFeedback or a mapping, not {type(feedback).__name__}")
    try:
        text = orjson.dumps(dict(feedback), default=_written, option=orjson.OPT_PASSTHROUGH_DATETIME)
        return json.parse(text, JourneyFeedback, ignore_unknown=False)
    except (DecodeError, orjson.JSONEncodeError) as error:
        raise ValueError(f"this is no feedback: {error}") from None


def _written(value: object) -> Any:
    if isinstance(value, datetime):
        return times.write(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be part of feedback")
