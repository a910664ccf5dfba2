"""The session that a recorder asks the cloud to open."""

from __future__ import annotations

from collections.abc import Iterable

from moonsense.models.data_plane_v2_sdk_pb2 import Session, SessionConfig, SessionLabel, SessionMetadata


def session_to_open(
    template: Session | None,
    metadata: SessionMetadata | None,
    config: SessionConfig | None,
    labels: Iterable[str],
    journey_id: str,
    client_session_group_id: str,
) -> Session:
    """A template with what was given beside it, which wins."""
    if isinstance(labels, str):
        raise TypeError(f"labels must be a list of strings such as [{labels!r}], not one string")
    session = Session()
    if template is not None:
        session.CopyFrom(template)
    if metadata is not None:
        session.metadata.CopyFrom(metadata)
    if config is not None:
        session.config.CopyFrom(config)
    names = [SessionLabel(name=name) for name in labels]
    if names:
        del session.labels[:]
        session.labels.extend(names)
    session.journey_id = journey_id or session.journey_id
    session.client_session_group_id = client_session_group_id or session.client_session_group_id
    return session
