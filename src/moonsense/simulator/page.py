"""The checkout page that people and bots fill in: where its fields are and what goes into them.

Lengths are logical pixels of the page, from its top left.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from moonsense.models.bundle_v2_pb2 import TargetElement
from moonsense.simulator.session import random_uuid

_FIRST = ("Ada", "Bruno", "Chidi", "Daria", "Emil", "Farah", "Greta", "Hana")
_LAST = ("Lindqvist", "Moreau", "Okafor", "Petrov", "Quispe", "Rossi", "Sato", "Weber")
_STREET = ("Harbour Road", "Mill Lane", "Station Street", "Linden Avenue", "Old Market")
_CITY = ("Bergen", "Graz", "Leiden", "Porto", "Tampere", "Utrecht")


@dataclass(frozen=True)
class Element:
    """A thing on the page that takes focus or clicks."""

    name: str
    type: str
    target_id: str
    x: float
    y: float
    width: float
    height: float

    @property
    def target(self) -> TargetElement:
        """How events name it."""
        return TargetElement(target_id=self.target_id, target_type=self.type)

    @property
    def centre(self) -> tuple[float, float]:
        """Its middle."""
        return self.x + self.width / 2, self.y + self.height / 2

    def holds(self, x: float, y: float) -> bool:
        """Whether a point of the page is on it."""
        return self.x <= x < self.x + self.width and self.y <= y < self.y + self.height


@dataclass(frozen=True)
class Page:
    """A page of fields with a button below them."""

    fields: tuple[Element, ...]
    submit: Element
    form: TargetElement

    def at(self, x: float, y: float) -> Element | None:
        """The element under a point."""
        return next((e for e in (*self.fields, self.submit) if e.holds(x, y)), None)


_LAYOUT = (
    # name, type, column (of 12), width (in columns), row
    ("email", "email", 0, 12, 0),
    ("firstName", "text", 0, 6, 1),
    ("lastName", "text", 6, 6, 1),
    ("address", "text", 0, 12, 2),
    ("postcode", "text", 0, 4, 3),
    ("city", "text", 4, 8, 3),
    ("creditCard", "text", 0, 12, 5),
    ("creditCardExp", "text", 0, 6, 6),
    ("creditCardCvc", "password", 6, 6, 6),
    ("voucher", "text", 0, 12, 7),
)


def checkout_page(rng: random.Random, viewport_width: float) -> Page:
    """The page, centred in a window of that width; ids are the seed's."""
    left = viewport_width / 2 - 270
    column, row = 45.0, 92.0

    def element(name: str, type: str, at: int, columns: int, line: int) -> Element:
        return Element(
            name, type, random_uuid(rng), left + at * column, 190 + line * row, columns * column - 12, 44
        )

    fields = tuple(element(*place) for place in _LAYOUT)
    submit = element("pay", "submit", 0, 12, 9)
    return Page(fields, submit, TargetElement(target_id=random_uuid(rng), target_type="form"))


def draw_answers(rng: random.Random) -> dict[str, str]:
    """What someone puts into the fields; nobody's data."""
    first, last = rng.choice(_FIRST), rng.choice(_LAST)
    return {
        "email": f"{first}.{last}{rng.randrange(10, 99)}@example.com".lower(),
        "firstName": first,
        "lastName": last,
        "address": f"{rng.choice(_STREET)} {rng.randrange(1, 240)}",
        "postcode": f"{rng.randrange(10_000, 99_999)}",
        "city": rng.choice(_CITY),
        "creditCard": "4242" + "".join(rng.choices("0123456789", k=12)),
        "creditCardExp": f"{rng.randrange(1, 13):02}{rng.randrange(27, 32)}",
        "creditCardCvc": f"{rng.randrange(1000):03}",
        "voucher": "SPRING" + "".join(rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZ", k=6)),
    }
