"""What notebooks show of sessions and lists, and that nobody's text becomes markup."""

from __future__ import annotations

import copy
import pickle
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.formatters import HTMLFormatter
from support.messages import messages

from moonsense.client import AsyncClient, Client
from moonsense.display import html
from moonsense.models import Card, Session, SessionLabel
from moonsense.models.webhooks_v2_pb2 import WebhookEndpoint
from moonsense.simulator import checkout_bot

EVIL = "<script>alert('1')</script> & \"$5\""


class Parsed(HTMLParser):
    """The cells and the tags of a page; a tag that is closed otherwise than it was opened is an error."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.cells: list[list[str]] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag == "br":
            return
        self.open.append(tag)
        if tag == "tr":
            self.cells.append([])
        elif tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.cells[-1][-1] += data


TAGS = {"b", "br", "div", "p", "small", "table", "tbody", "td", "th", "thead", "tr"}


def session(number: int = 1) -> Session:
    one = Session(session_id=f"s{number}", metadata=checkout_bot(1).session.metadata, journey_id="j1")
    one.created_at.FromJsonString("2026-03-02T10:00:00.5+02:00")
    one.oldest_event.FromJsonString("2026-03-02T08:00:00Z")
    one.newest_event.FromJsonString("2026-03-02T08:02:05Z")
    one.counters["bundle"].total = 1200
    one.counters["pointer"].total = 31_415
    one.labels.append(SessionLabel(name=EVIL))
    return one


class TestSession:
    def test_says_what_is_known(self) -> None:
        cells = Parsed(session()._repr_html_()).cells
        facts = dict(row for row in cells if len(row) == 2)
        assert facts["session"] == "s1"
        assert facts["created"] == "2026-03-02 08:00:00"
        assert facts["platform"] == "WEB"
        assert facts["labels"] == EVIL
        assert facts["duration"] == "2 min 05 s"
        assert facts["bundles"] == "1,200"
        assert facts["pointer"] == "31,415"
        assert "group" not in facts, "what is not known is left out"
        assert "times are in UTC" in session()._repr_html_()

    def test_of_which_nothing_is_known(self) -> None:
        assert dict(Parsed(Session()._repr_html_()).cells) == {"bundles": "0"}

    def test_of_a_platform_that_came_later(self) -> None:
        one = Session()
        one.metadata.platform = 99  # type: ignore[assignment]
        assert dict(Parsed(one._repr_html_()).cells)["platform"] == "99"

    def test_is_what_ipython_shows_of_every_copy(self) -> None:
        shown = HTMLFormatter()
        for one in (session(), copy.deepcopy(session()), pickle.loads(pickle.dumps(session()))):
            assert shown(one) == html.session(session())

    @settings(max_examples=15)
    @given(messages(Session))
    def test_is_well_formed_whatever_is_in_it(self, one: Session) -> None:
        assert Parsed(one._repr_html_()).tags <= TAGS
        assert Parsed(html.listing([one], more=True)).tags <= TAGS


class TestListing:
    def test_of_sessions_is_a_row_each(self) -> None:
        page = html.listing([session(1), session(2)], more=False)
        head, first, second = Parsed(page).cells
        assert head == [
            "session", "createdUTC", "platform", "labels", "bundles", "items", "duration", "journey",
        ]  # fmt: skip
        assert first == [
            "s1", "2026-03-02 08:00:00", "WEB", EVIL, "1,200", "31,415", "2 min 05 s", "j1",
        ]  # fmt: skip
        assert second[0] == "s2"
        assert "<b>Sessions</b> 2</p>" in page

    def test_that_goes_on_says_so(self) -> None:
        page = html.listing([session()], more=True)
        assert Parsed(page).cells[-1] == ["⋮"]
        assert "the first 1; more come as they are taken" in page

    def test_of_other_messages_has_the_fields_that_are_set(self) -> None:
        card = Card(card_id="c1", title=EVIL, description="long " * 100)
        card.created_at.FromJsonString("2026-03-02T10:00:00Z")
        head, first, second = Parsed(html.listing([Card(card_id="c0"), card], more=False)).cells
        assert head == ["card_id", "title", "description", "created_atUTC"]
        assert first == ["c0", "", "", ""]
        assert second[:2] == ["c1", EVIL]
        assert re.fullmatch(r"(long )+…", second[2])
        assert len(second[2]) == 81
        assert second[3] == "2026-03-02 10:00:00"

    def test_of_messages_with_enums_has_their_names(self) -> None:
        endpoint = WebhookEndpoint(events=["BUNDLE_RECEIVED", "CHUNK_PERSISTED"])
        endpoint.events.append(99)
        _, row = Parsed(html.listing([endpoint], more=False)).cells
        assert row == ["BUNDLE_RECEIVED, CHUNK_PERSISTED, 99"]

    def test_of_nothing(self) -> None:
        assert "nothing in it" in html.listing([], more=False)

    @given(st.lists(st.text(), min_size=1), st.text())
    def test_of_any_texts_is_a_table_of_them(self, names: list[str], text: str) -> None:
        cells = Parsed(html.table([(name, "") for name in names], [[text] * len(names)])).cells

        # As HTML reads them: line ends are newlines, and null is no letter.
        def read(text: str) -> str:
            return text.replace("\r\n", "\n").replace("\r", "\n")

        assert [[read(cell) for cell in row] for row in cells] == [
            [read(name) for name in names],
            [read(text)] * len(names),
        ]


class TestClient:
    def test_its_lists_show_what_comes_without_taking_it(
        self, client: Client, recording_client: Client
    ) -> None:
        label = "html-of-a-list"
        wanted = checkout_bot(1).session
        wanted.labels.add(name=label)
        ids = [recording_client.create_session(wanted).session_id for _ in range(html.SHOWN + 1)]
        found = client.list_sessions(labels=[label])
        for _ in range(2):
            cells = Parsed(HTMLFormatter()(found)).cells
            assert [row[0] for row in cells] == ["session", *reversed(ids[1:]), "⋮"]
        assert [session.session_id for session in found] == ids[::-1]
        assert "nothing left" in found._repr_html_()

    def test_what_it_describes_shows_itself(self, client: Client, recording_client: Client) -> None:
        session_id = recording_client.create_session(checkout_bot(1).session).session_id
        page = HTMLFormatter()(client.describe_session(session_id))
        assert session_id in page
        assert "bot, checkout" in page

    @pytest.mark.anyio
    async def test_a_list_for_asyncio_asks_for_nothing(self) -> None:
        async with AsyncClient("t", "127.0.0.1:1", "http", "") as client:
            assert "async for" in HTMLFormatter()(client.list_sessions())
