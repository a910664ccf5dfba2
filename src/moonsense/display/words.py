"""How a session is put into words and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from moonsense.models.data_plane_v2_sdk_pb2 import Session, SessionMetadata

_TO_THE_SECOND = "%Y-%m-%d %H:%M:%S"


def time_text(moment: Timestamp) -> str:
    """A time to the second in UTC, or "" when it was never set."""
    if not moment.ListFields():
        return ""
    return moment.ToDatetime(tzinfo=UTC).strftime(_TO_THE_SECOND)


def millis_text(millis: int) -> str:
    """Milliseconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(millis / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def micros_text(micros: int | None, *, machine: bool = False) -> str:
    """Microseconds since 1970 as a time in UTC, for people or as RFC 3339; "" for None."""
    if micros is None:
        return ""
    moment = datetime.fromtimestamp(micros / 1_000_000, UTC)
    return moment.isoformat() if machine else moment.strftime(_TO_THE_SECOND)


def duration_text(seconds: float) -> str:
    """A length of time: ``8.4 s``, ``2 min 05 s``, ``3 h 20 min``."""
    if round(seconds, 1) < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def platform_text(metadata: SessionMetadata) -> str:
    """``iOS``, ``ANDROID``, ``WEB``, or "" when it is not known; one that came later is a number."""
    platform = metadata.platform
    known = metadata.Platform.values()
    return "" if not platform else metadata.Platform.Name(platform) if platform in known else str(platform)


def labels_text(session: Session) -> str:
    """The labels' names."""
    return ", ".join(label.name for label in session.labels)


def event_seconds(session: Session) -> float | None:
    """From the oldest to the newest event, in seconds; None when it has none."""
    if not (session.HasField("oldest_event") and session.HasField("newest_event")):
        return None
    lasted = session.newest_event.ToDatetime() - session.oldest_event.ToDatetime()
    return lasted.total_seconds()


def totals(session: Session) -> tuple[int, dict[str, int]]:
    """How many bundles, and how many items of each kind, the most first."""
    counts = {name: counter.total for name, counter in session.counters.items()}
    bundles = counts.pop("bundle", 0)
    return bundles, most_first(counts)


def most_first(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts in falling order, then by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def session_row(session: Session) -> tuple[str, ...]:
    """A session in one row: id, created, platform, labels, bundles, items, duration, journey."""
    bundles, items = totals(session)
    return (
        session.session_id,
        time_text(session.created_at),
        platform_text(session.metadata),
        labels_text(session),
        f"{bundles:,}",
        f"{sum(items.values()):,}",
        _lasted(session),
        session.journey_id,
    )


def session_facts(session: Session) -> list[tuple[str, str]]:
    """What is known of a session, by name; "" for what is not."""
    device, rate = session.metadata, session.config.sensor_sampling_rate
    return [
        ("session", session.session_id),
        ("created", time_text(session.created_at)),
        ("platform", platform_text(device)),
        ("device", " ".join(filter(None, [device.manufacturer, device.model]))),
        ("system", device.system_version),
        ("install", device.install_id),
        ("labels", labels_text(session)),
        ("journey", session.journey_id),
        ("group", session.client_session_group_id),
        ("app", session.app_id),
        ("region", session.region_id),
        ("sampling", f"{rate} a second" if rate else ""),
        ("oldest event", time_text(session.oldest_event)),
        ("newest event", time_text(session.newest_event)),
        ("duration", _lasted(session)),
        ("bundles", f"{totals(session)[0]:,}"),
    ]


def _lasted(session: Session) -> str:
    seconds = event_seconds(session)
    return "" if seconds is None else duration_text(seconds)
