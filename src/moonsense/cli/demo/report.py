"""How the demo shows what it did: a table for people, a document for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group
from rich.text import Text

from moonsense.cli.demo.run import Recorded
from moonsense.cli.output import Column, Listing, out, show, show_table
from moonsense.display.words import (
    duration_text,
    event_seconds,
    labels_text,
    most_first,
    platform_text,
)

_WIDE = 120
"""From this width on, platform and labels have columns of their own."""


def show_sessions(recorded: Sequence[Recorded]) -> None:
    """A row a session: what it is, what was read, and how quickly."""
    wide = not out().is_terminal or out().width >= _WIDE
    about = (
        [Column("SESSION", whole=True), Column("PLATFORM"), Column("LABELS")]
        if wide
        else [Column("SESSION", whole=True)]
    )
    columns = [
        *about,
        Column("BUNDLES", right=True),
        Column("ITEMS A SENSOR"),
        Column("DURATION", right=True, whole=True),
        Column("READ", right=True, whole=True),
    ]
    rows = []
    for one in recorded:
        session = one.session
        platform, labels = platform_text(session.metadata), labels_text(session)
        seconds = event_seconds(session)
        rows.append(
            [
                *(
                    (one.session_id, platform, labels)
                    if wide
                    else (Text.assemble(one.session_id, (f"\n{platform}\n{labels}", "dim")),)
                ),
                f"{one.bundles:,}",
                Listing([f"{name} {count:,}" for name, count in most_first(one.items).items()]),
                "" if seconds is None else duration_text(seconds),
                f"{_rate(one):,.0f} bundles/s" if wide else f"{_rate(one):,.0f}/s",
            ]
        )
    show_table(columns, rows)


def show_verdict(recorded: Sequence[Recorded]) -> None:
    """Whether everything came back, and what did not."""
    wrong = [one for one in recorded if one.differences]
    bundles = sum(one.bundles for one in recorded)
    items = sum(one.items.total() for one in recorded)
    if not wrong:
        size = f"{len(recorded)} sessions, {bundles:,} bundles, {items:,} items"
        text = f"Equal: {size} came back as they went in."
        show(Text(text, style="bold green"))
        return
    lines = [Text(f"Not equal: {len(wrong)} of {len(recorded)} sessions differ.", style="bold red")]
    for one in wrong:
        lines.append(Text(f"{one.session_id} ({one.source.name})", style="bold"))
        lines += [Text(f"  {difference}") for difference in one.differences]
    show(Group(*lines))


def summary(recorded: Sequence[Recorded]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "equal": not any(one.differences for one in recorded),
        "bundles": sum(one.bundles for one in recorded),
        "items": sum(one.items.total() for one in recorded),
        "chunks": sum(one.chunks for one in recorded),
        "sessions": [
            {
                "session_id": one.session_id,
                "source": one.source.name,
                "platform": platform_text(one.session.metadata),
                "labels": [label.name for label in one.session.labels],
                "journey_id": one.session.journey_id,
                "bundles": one.bundles,
                "chunks": one.chunks,
                "items": most_first(one.items),
                "duration_seconds": event_seconds(one.session),
                "read_bundles_per_second": round(_rate(one), 1),
                "differences": one.differences,
            }
            for one in recorded
        ],
    }


def _rate(one: Recorded) -> float:
    """Bundles read a second."""
    return one.bundles / one.read_seconds if one.read_seconds else 0.0
