"""All that is durable in a cloud: the catalog, the objects, and the threads that keep them.

The rooms above call this one only. ``Store`` opens and closes a data folder;
what is done with it is in its parts, one a resource.
"""

from __future__ import annotations

from collections.abc import Callable

from moonsense.cloud.settings import Settings
from moonsense.cloud.store.access import Access
from moonsense.cloud.store.bundles import Bundles
from moonsense.cloud.store.captures import Captures
from moonsense.cloud.store.cards import Cards
from moonsense.cloud.store.findings import Findings
from moonsense.cloud.store.folder import Folder, now_micros
from moonsense.cloud.store.journeys import Journeys
from moonsense.cloud.store.labels import Labels
from moonsense.cloud.store.sessions import Sessions
from moonsense.cloud.store.webhooks import Webhooks

__all__ = ["Store", "now_micros"]


class Store:
    """Everything a cloud keeps. Open it with ``Store.open``; ``close`` is idempotent.

    Attributes:
        access: projects, apps and tokens.
        sessions, labels, bundles, cards, journeys, findings, captures, webhooks:
            what a project has. Their coroutines raise Problem: 404 for what is not in
            the project, 422 and 413 for what cannot be, 503 when busy.
    """

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.access = Access(folder)
        self.sessions = Sessions(folder)
        self.labels = Labels(folder)
        self.bundles = Bundles(folder)
        self.cards = Cards(folder)
        self.journeys = Journeys(folder)
        self.findings = Findings(folder)
        self.captures = Captures(folder)
        self.webhooks = Webhooks(folder)

    @classmethod
    def open(
        cls, settings: Settings, *, serving: bool = True, clock: Callable[[], int] = now_micros
    ) -> Store:
        """Open a data folder, made when it is missing; what a crash left under way is finished.

        Without ``serving`` nothing is turned into chunks or delivered: for the
        commands that look into a folder which a server may have open. ``clock``
        is that of webhooks, in microseconds since 1970. Raises
        ConfigurationError when another process serves the folder.
        """
        return cls(Folder(settings, serving=serving, clock=clock))

    def close(self) -> None:
        """Finish what is under way and let go of the folder."""
        self.folder.close()

    def ready(self) -> str:
        """Empty when the catalog can be read and written, else why not."""
        return self.folder.ready()

    def numbers(self) -> dict[str, float]:
        """What there is and was done, for metrics."""
        return self.folder.numbers()
