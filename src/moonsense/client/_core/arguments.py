"""Arguments of calls, checked before anything is sent."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from moonsense.contract.platforms import Platform


def checked_labels(labels: Iterable[str]) -> list[str]:
    """Names of labels as a list. Raises TypeError for one string, which would be a label a letter."""
    if isinstance(labels, (str, bytes)):
        raise TypeError(f"labels must be a list of strings such as [{labels!r}], not one string")
    names = list(labels)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"a label must be a string, not {type(name).__name__}")
    return names


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
