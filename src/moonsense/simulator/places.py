"""Parks to walk in, with the earth's magnetic field there."""

from __future__ import annotations

import math
from dataclasses import dataclass

_METRES_A_DEGREE = 111_320.0


@dataclass(frozen=True)
class Place:
    """A point on the earth: degrees, metres, and the magnetic field in microtesla and degrees."""

    latitude: float
    longitude: float
    altitude: float
    intensity: float
    inclination: float
    declination: float

    def magnetic_field(self) -> tuple[float, float, float]:
        """The field to the east, to the north and up, in microtesla."""
        down = math.radians(self.inclination)
        east = math.radians(self.declination)
        level = self.intensity * math.cos(down)
        return level * math.sin(east), level * math.cos(east), -self.intensity * math.sin(down)

    def offset(self, east: float, north: float) -> tuple[float, float]:
        """Latitude and longitude of a point so many metres away; for distances of a walk."""
        latitude = self.latitude + north / _METRES_A_DEGREE
        longitude = self.longitude + east / (_METRES_A_DEGREE * math.cos(math.radians(self.latitude)))
        return latitude, longitude


PARKS = (
    Place(37.7694, -122.4862, 71.0, 48.5, 60.9, 12.9),  # Golden Gate Park
    Place(51.5073, -0.1657, 22.0, 49.1, 66.4, 0.7),  # Hyde Park
    Place(52.5145, 13.3501, 35.0, 49.9, 67.9, 4.8),  # Tiergarten
    Place(-33.8642, 151.2166, 31.0, 57.1, -64.2, 12.7),  # Royal Botanic Garden, Sydney
)
