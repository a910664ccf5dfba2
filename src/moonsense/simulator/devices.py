"""The devices that the simulated sessions are recorded on."""

from __future__ import annotations

import random
from dataclasses import dataclass

from moonsense.models.common_v2_pb2 import SensorType
from moonsense.models.data_plane_v2_sdk_pb2 import RecordingProfile, SessionConfig, SessionMetadata
from moonsense.simulator.session import BUNDLE_MILLIS, random_uuid

_RELEASE = "1.0.0"


@dataclass(frozen=True)
class Phone:
    """A model of phone and the resolution of its sensors, in the units of the messages."""

    platform: SessionMetadata.Platform.ValueType
    manufacturer: str
    model: str
    system_version: str
    provider: str
    gravity_step: float
    spin_step: float
    field_step: float


PHONES = (
    Phone(SessionMetadata.iOS, "Apple", "iPhone14,5", "17.5.1", "", 1 / 4096, 0.00106, 0.0625),
    Phone(SessionMetadata.ANDROID, "Google", "Pixel 8", "14", "fused", 1 / 2048, 0.00122, 0.1),
    Phone(SessionMetadata.iOS, "Apple", "iPhone15,3", "18.1", "", 1 / 4096, 0.00106, 0.0625),
    Phone(SessionMetadata.ANDROID, "samsung", "SM-S921B", "14", "fused", 1 / 2048, 0.00061, 0.06),
)


@dataclass(frozen=True)
class Desktop:
    """A browser on a desktop computer. ``shortcut`` is the key that pastes together with V."""

    browser: str
    version: str
    agent: str
    width: int
    height: int
    pixel_ratio: float
    shortcut: str


DESKTOPS = (
    Desktop(
        "Chrome", "126.0.0.0",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/126.0.0.0 Safari/537.36",
        1512, 857, 2.0, "Meta",
    ),
    Desktop(
        "Chrome", "127.0.0.0",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/127.0.0.0 Safari/537.36",
        1536, 730, 1.25, "Control",
    ),
    Desktop(
        "Firefox", "128.0",
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        1920, 947, 1.0, "Control",
    ),
)  # fmt: skip

BOT_DESKTOP = Desktop(
    "Chrome", "126.0.0.0",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    1280, 720, 1.0, "Control",
)  # fmt: skip
"""What an automated browser shows when nobody configures it."""

PHONE_SENSORS = (
    SensorType.LOCATION,
    SensorType.ACCELEROMETER,
    SensorType.MAGNETOMETER,
    SensorType.GYROSCOPE,
    SensorType.BATTERY,
)

PAGE_SENSORS = (
    SensorType.POINTER,
    SensorType.KEY_PRESS,
    SensorType.FOCUS_CHANGE,
    SensorType.VIEW_SCROLL,
    SensorType.MOUSE_WHEEL,
    SensorType.CLICK,
    SensorType.INPUT_CHANGE,
    SensorType.FORM_SUBMIT,
)


def phone_metadata(rng: random.Random, phone: Phone) -> SessionMetadata:
    """What a phone says of itself."""
    return SessionMetadata(
        install_id=random_uuid(rng),
        platform=phone.platform,
        manufacturer=phone.manufacturer,
        model=phone.model,
        system_version=phone.system_version,
        is_device_physical=True,
        recording_profile=RecordingProfile(name="motion", version=1),
        release_version=_RELEASE,
    )


def phone_config(duration: float, rate: float) -> SessionConfig:
    """What a phone was asked to record: seconds and samples a second."""
    return SessionConfig(
        requested_duration_millis=round(duration * 1000),
        sensor_sampling_rate=round(rate),
        bundle_generation_interval_millis=BUNDLE_MILLIS,
        requested_sensors=PHONE_SENSORS,
    )


def page_metadata(rng: random.Random, desktop: Desktop) -> SessionMetadata:
    """What a browser says of itself: its user agent takes the place of the model."""
    return SessionMetadata(
        install_id=random_uuid(rng),
        platform=SessionMetadata.WEB,
        manufacturer=desktop.browser,
        model=desktop.agent,
        system_version=desktop.version,
        is_device_physical=True,
        recording_profile=RecordingProfile(name="fraud_and_risk", version=1),
        release_version=_RELEASE,
    )


def page_config() -> SessionConfig:
    """What a page was asked to record."""
    return SessionConfig(
        requested_duration_millis=300_000,
        mask_text=True,
        sensor_sampling_rate=60,
        bundle_generation_interval_millis=BUNDLE_MILLIS,
        requested_sensors=PAGE_SENSORS,
    )
