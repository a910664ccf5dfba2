"""A browser with the checkout page open: turns what happens in it into the events a recorder sees.

Whoever sits in front decides what happens and when; times are milliseconds
since the page was opened. Positions are those of the window, not of the page.
"""

from __future__ import annotations

import random

from moonsense.models.bundle_v2_pb2 import (
    AppLifeCycleEvent,
    Click,
    ClosedRange,
    FocusChange,
    FormSubmitEvent,
    InputChange,
    KeyPress,
    MouseWheel,
    Offset2D,
    PermissionEvent,
    Pointer,
    ViewportScroll,
    ViewportSizeEvent,
)
from moonsense.simulator.devices import PAGE_SENSORS, Desktop
from moonsense.simulator.page import Element, Page
from moonsense.simulator.tape import Tape

_LONGEST_TEXT = 64
"""Characters of a field that an input change carries before it is cut."""


class Mask:
    """Puts other letters in the place of characters, the same for the same, anew in each session."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._letters: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        """The text, masked."""
        return "".join(self._letter(character) for character in text)

    def _letter(self, character: str) -> str:
        while character not in self._letters:
            # Latin with its extensions: letters that JSON and every font can show.
            letter = chr(self._rng.randrange(0x41, 0x250))
            if letter.isalpha() and letter not in self._letters.values():
                self._letters[character] = letter
        return self._letters[character]


class Browser:
    """The page, the window and the pointer, and the tape that all events go to."""

    def __init__(self, rng: random.Random, desktop: Desktop, page: Page, *, automated: bool = False) -> None:
        """``automated`` marks the pointer's events as synthesized."""
        self.tape = Tape()
        self.desktop = desktop
        self.page = page
        self.scrolled = 0
        self.pointer: tuple[float, float] = (0.0, 0.0)
        self.focused: Element | None = None
        self.texts: dict[str, str] = {}
        self._mask = Mask(rng)
        self._automated = automated

    def open(self, at: float) -> None:
        """The page is shown."""
        desktop = self.desktop
        self.tape.put(
            at,
            "app_life_cycle_events",
            AppLifeCycleEvent(app_life_cycle_status=AppLifeCycleEvent.FOREGROUND),
        )
        for sensor in PAGE_SENSORS:
            self.tape.put(
                at,
                "permission_events",
                PermissionEvent(sensor_type=sensor, permission_status=PermissionEvent.ALLOWED),
            )
        self.tape.put(
            at,
            "viewport_size_events",
            ViewportSizeEvent(
                device_physical_width=round(desktop.width * desktop.pixel_ratio),
                device_physical_height=round(desktop.height * desktop.pixel_ratio),
                device_logical_width=desktop.width,
                device_logical_height=desktop.height,
                device_pixel_ratio=desktop.pixel_ratio,
                viewport_orientation=ViewportSizeEvent.LANDSCAPE_PRIMARY,
            ),
        )

    def close(self, at: float) -> None:
        """The page goes away."""
        self.tape.put(
            at,
            "app_life_cycle_events",
            AppLifeCycleEvent(app_life_cycle_status=AppLifeCycleEvent.BACKGROUND),
        )

    def enter(self, at: float, x: float, y: float) -> None:
        """The pointer comes into the window."""
        self.pointer = (x, y)
        self._pointer(at, (0.0, 0.0), pressed=False, status=Pointer.ENTER_VIEWPORT)

    def leave(self, at: float) -> None:
        """The pointer leaves the window."""
        self._pointer(at, (0.0, 0.0), pressed=False, status=Pointer.LEAVE_VIEWPORT)

    def move(self, at: float, x: float, y: float) -> None:
        """The pointer is now there. A move of less than a step of the screen shows nothing."""
        grid = 1 / self.desktop.pixel_ratio
        x = min(max(round(x / grid) * grid, 0.0), self.desktop.width - 1.0)
        y = min(max(round(y / grid) * grid, 0.0), self.desktop.height - 1.0)
        before = self.pointer
        if (x, y) == before:
            return
        self.pointer = (x, y)
        self._pointer(at, (x - before[0], y - before[1]), pressed=False)

    def press(self, at: float) -> None:
        """The button goes down; what is below takes the focus."""
        self._pointer(at, (0.0, 0.0), pressed=True)
        element = self._below()
        if element is not None and element is not self.page.submit:
            self.focus(at + 1, element)

    def release(self, at: float) -> None:
        """The button goes up: a click on what is below."""
        self._pointer(at, (0.0, 0.0), pressed=False)
        element = self._below()
        x, y = self.pointer
        self.tape.put(
            at, "click_data", Click(position=Offset2D(dx=x, dy=y), target=element.target if element else None)
        )

    def submit(self, at: float) -> None:
        """The form is sent."""
        self.blur(at)
        self.tape.put(
            at,
            "form_submit_events",
            FormSubmitEvent(submitter=self.page.submit.target, target=self.page.form),
        )

    def focus(self, at: float, element: Element) -> None:
        """An element takes the focus, from another if that had it."""
        if self.focused is element:
            return
        self.blur(at)
        self.focused = element
        self.tape.put(
            at, "focus_change_data", FocusChange(type=FocusChange.FOCUS_GAINED, target=element.target)
        )

    def blur(self, at: float) -> None:
        """Nothing has the focus any more."""
        if self.focused is not None:
            self.tape.put(
                at, "focus_change_data", FocusChange(type=FocusChange.FOCUS_LOST, target=self.focused.target)
            )
            self.focused = None

    def key(self, at: float, key: str, *, down: bool, shift: bool = False, command: bool = False) -> None:
        """A key moves: a character, masked, or a special key by its name, which stays as it is."""
        press = KeyPress(
            type=KeyPress.KEY_DOWN if down else KeyPress.KEY_UP,
            target=self.focused.target if self.focused else None,
            shift_key=shift,
            control_key=command and self.desktop.shortcut == "Control",
            meta_key=command and self.desktop.shortcut == "Meta",
        )
        if len(key) == 1:
            press.masked_key = ord(self._mask(key))
        else:
            press.special_key = key
        self.tape.put(at, "key_press_data", press)

    def write(self, at: float, text: str, action: InputChange.Action.ValueType = InputChange.UNKNOWN) -> None:
        """The focused field now has this text."""
        if self.focused is None:
            raise ValueError("no field has the focus")
        self.texts[self.focused.name] = text
        self.tape.put(
            at,
            "input_change_data",
            InputChange(
                target=self.focused.target,
                focus=True,
                masked_text=self._mask(text[:_LONGEST_TEXT]),
                truncated_text=len(text) > _LONGEST_TEXT,
                action=action,
            ),
        )

    def wheel(self, at: float, delta: int) -> None:
        """The wheel turns, and the page with it."""
        self.tape.put(at, "mouse_wheel_data", MouseWheel(wheel_delta_y=delta, wheel_mode=MouseWheel.PIXEL))
        self.scroll(at + 8, self.scrolled + delta)

    def scroll(self, at: float, position: int) -> None:
        """The page stands so many pixels down."""
        self.scrolled = max(0, position)
        self.tape.put(at, "viewport_scroll_data", ViewportScroll(y_position=self.scrolled))

    def _below(self) -> Element | None:
        x, y = self.pointer
        return self.page.at(x, y + self.scrolled)

    def _pointer(
        self,
        at: float,
        delta: tuple[float, float],
        *,
        pressed: bool,
        status: Pointer.ViewportBoundaryStatus.ValueType = Pointer.IN_VIEWPORT,
    ) -> None:
        element = self._below()
        self.tape.put(
            at,
            "pointer_data",
            Pointer(
                type=Pointer.MOUSE,
                buttons=int(pressed),
                delta=Offset2D(dx=delta[0], dy=delta[1]),
                position=Offset2D(dx=self.pointer[0], dy=self.pointer[1]),
                # A mouse has no pressure: browsers say one half while a button is down.
                pressure=0.5 if pressed else 0.0,
                pressure_range=ClosedRange(upper_bound=1.0),
                radius_major=0.5,
                radius_minor=0.5,
                size=1.0,
                synthesized=self._automated,
                viewport_boundary_status=status,
                target=element.target if element else None,
            ),
        )
