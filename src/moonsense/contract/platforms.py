"""What sessions are recorded on."""

from __future__ import annotations

import enum


class Platform(enum.Enum):
    """What a session was recorded on."""

    iOS = "iOS"  # noqa: N815 (the published name)
    ANDROID = "ANDROID"
    WEB = "WEB"

    @staticmethod
    def from_str(label: str) -> Platform:
        """The platform of a name in any case, such as ``ios``.

        Raises NotImplementedError for any other name, as the published clients do.
        """
        for platform in Platform:
            if platform.value.lower() == label.lower():
                return platform
        names = ", ".join(platform.value for platform in Platform)
        raise NotImplementedError(f"{label!r} is no platform: it must be one of {names}")
