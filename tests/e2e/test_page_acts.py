"""A person stops an account at the page of its run: each act is in the journal, and the gateway carries it out."""

import re
from collections.abc import Iterator
from decimal import Decimal

import pytest
from playwright.sync_api import Browser, Page, expect

from shared.control.latches import HALT, REDUCE_ONLY
from shared.control.requests import CANCEL_ALL, FLATTEN
from shared.journal.rows import EventRow, OrderRow, RequestRow
from shared.messages.reasons import Reason
from tests.e2e.account import ACCOUNT, ask
from tests.e2e.command import wait_for
from tests.e2e.fake_session import BY_RULE, FakeSession
from tests.e2e.page_browser import Tabs, page_of, sign_in

WATCHED = BY_RULE.replace("[monitor]\non = false\n", "")
SYM = "BTCUSDT"
TABS = 10  # a browser has six connections a host
SELDOM_S = 0.5  # each look at the journal opens it
BY_PAGE = "by the page"

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


@pytest.fixture
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeSession]:
    made = FakeSession(tmp_path_factory.mktemp("home"), WATCHED)
    made.start()
    yield made
    made.end()


@pytest.fixture
def tabs(chrome: Browser, session: FakeSession) -> Iterator[Tabs]:
    assert session.line is not None
    url, code = page_of(session.line)
    made = Tabs(chrome, url)
    sign_in(made.tab(None), code)
    yield made
    made.end()


def do(page: Page, name: str, word: str) -> str:
    """Does an act, by keyboard; its answer."""
    button = page.get_by_role("button", name=name, exact=True)
    expect(button).not_to_have_attribute("aria-disabled", "true")
    button.click()
    page.keyboard.type(word)
    page.keyboard.press("Enter")
    close = page.locator("#confirm-cancel")
    expect(close).to_have_text("Close")
    said = page.locator("#confirm-answer").inner_text()
    close.click()
    expect(page.locator("#confirm")).to_be_hidden()
    return said


def asks(page: Page, name: str) -> None:
    """Asks the gateway for an act, again where none begins it in time."""
    wait_for(lambda: f"{ACCOUNT} is halted; its gateway" in do(page, name, ACCOUNT), f"a gateway begins: {name}")


def events(session: FakeSession, kind: str) -> list[EventRow]:
    return session.journal(lambda journal: journal.events_of_kind(kind))


def refused(session: FakeSession, reason: Reason) -> list[OrderRow]:
    """The orders that the gateway has not sent, since this holds."""
    return [row for row in session.journal(lambda journal: journal.orders(open_only=False)) if row.reason is reason]


def carried_out(session: FakeSession, kind: str) -> RequestRow:
    """The request as its gateway has answered it; begun in time, since else none begins it."""
    asked = [event.text for event in events(session, kind) if event.text.startswith(f"asked for {BY_PAGE}")]
    name = asked[-1].rpartition(" ")[2]

    def answered() -> RequestRow | None:
        found = session.journal(lambda journal: journal.request(name))
        return found if found is not None and found.done_ms else None

    row = wait_for(answered, f"{kind} is answered", every_s=SELDOM_S)
    assert row.well, row.answer
    assert row.at_ms <= row.taken_ms <= row.until_ms
    return row


def resting(session: FakeSession) -> list[str]:
    return [order["client_id"] for order in session.book()["orders"] if order["state"] == "NEW"]


def test_each_act_stands_in_the_journal_and_the_gateway_carries_it_out(session: FakeSession, tabs: Tabs) -> None:
    (page,) = tabs.context.pages
    session.arm()
    session.wait_for_fills(2)
    expect(page.locator("#mode")).to_have_text("TESTNET")

    assert do(page, "Reduce only", "reduce-only") == "main may only reduce, until `tickline resume REDUCE_ONLY`."
    wait_for(lambda: refused(session, Reason.LATCHED), "what adds is refused", every_s=SELDOM_S)
    expect(page.locator("#mode")).to_have_text("HELD (testnet)")
    expect(page.locator("#halted")).to_contain_text("held by REDUCE_ONLY: nothing that adds exposure is sent")
    lifted = session.at_terminal("resume", REDUCE_ONLY)
    assert lifted.code == 0, lifted.shown
    expect(page.locator("#halted")).to_be_hidden()

    assert do(page, "Disarm", "disarm") == "main is disarmed."
    wait_for(lambda: refused(session, Reason.NOT_ARMED), "what adds is refused", every_s=SELDOM_S)
    expect(page.locator("#facts")).to_contain_text("no: it may only reduce")
    session.arm()
    expect(page.locator("#facts")).to_contain_text("left, up to 2,500")
    session.wait_for_fills(2)

    price = session.journal(lambda journal: journal.newest_orders(SYM, 1))[-1].price
    ask(session.url, "order", sym=SYM, qty="0.003", limit=str(round(price * Decimal("0.97"))), client_id="by-hand")
    assert resting(session) == ["by-hand"]
    asks(page, "Cancel all")
    carried_out(session, CANCEL_ALL)
    assert resting(session) == []
    expect(page.locator("#mode")).to_have_text("HALTED (testnet)")

    ask(session.url, "order", sym=SYM, qty="0.010")
    asks(page, "Flatten")
    row = carried_out(session, FLATTEN)
    held = {sym: Decimal(one["qty"]) for sym, one in session.book()["positions"].items()}
    assert set(held.values()) == {0}, row.answer
    assert [event.text for event in events(session, REDUCE_ONLY)] == [BY_PAGE]
    assert [event.text for event in events(session, "DISARMED")] == [BY_PAGE]


def test_a_halt_answers_in_each_of_ten_tabs_and_nothing_is_sent_any_more(session: FakeSession, tabs: Tabs) -> None:
    session.arm()
    session.wait_for_fills(2)
    pages = [*tabs.context.pages, *(tabs.tab(None) for _ in range(TABS - 1))]
    for page in pages:
        assert do(page, "Halt", "halt") == "main is halted: nothing is sent until `tickline resume HALT`."
    assert [event.text for event in events(session, HALT)] == [BY_PAGE] * TABS
    sent = len(session.book()["orders"])
    before = len(refused(session, Reason.HALTED))
    wait_for(lambda: len(refused(session, Reason.HALTED)) >= before + 2, "orders are refused", every_s=SELDOM_S)
    assert len(session.book()["orders"]) == sent
    for page in pages:
        expect(page.locator("#halted")).to_have_text(re.compile("HALT: nothing is sent"))
