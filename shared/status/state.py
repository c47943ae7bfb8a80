"""A line's status at one moment, as `tickline status --json` tells it. Pure."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from shared.config import Settings
from shared.control.arming import Armed
from shared.control.latches import HALT
from shared.exchanges.trading.amounts import plain
from shared.explain.account import standing
from shared.journal.rows import ArmingRow, ExternalRow, LatchRow, OrderRow
from shared.messages import Decision, ExecutionReport
from shared.messages.reasons import StopKind
from shared.orders.stop_life import StopLife
from shared.status.exchange import AtExchange
from shared.strategies.identity import Identity
from shared.wall_time import WallTime, iso

SIMULATED = "SIMULATED"  # the phase of a stop that lies nowhere but here
FRESH_S = 10.0  # a service that is at work touches its file more often

Line = Literal["up", "down", "partly"]


class Word(NamedTuple):
    """A word is the last that was heard of somebody.

    - at_ns: None where there was none.
    - note: for a person, e.g. why it was not asked.
    """

    who: str
    at_ns: int | None
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """Returns the word as JSON."""
        return {"who": self.who, "at": iso_or_none(self.at_ns), **({"note": self.note} if self.note else {})}


class SymbolStatus(NamedTuple):
    """A status says how one symbol stands; money in quote units, Decimals. None: nobody knows.

    - price, price_ns: of the newest tick, or of the exchange's quote where that was asked.
    - qty: signed base units, dust too. entry: what was paid for it, on average.
    - unrealised: at the price; None where that, or the entry, is not known.
    - realised: since the book began, after fees and funding.
    - today: made since midnight after fees and funding. fees_today: > 0 paid. funding_today: > 0 received.
    - fill: the last report that filled something. report: the last one of an order, filled or not.
    - unknown: orders of which nobody knows what became.
    - differences: those that wait for a person.
    - stops: those that lie at the exchange, or may, by the journal.
    - simulated: where its simulated stops would fire, on paper.
    """

    sym: str
    price: Decimal | None = None
    price_ns: int | None = None
    qty: Decimal = Decimal(0)
    entry: Decimal | None = None
    unrealised: Decimal | None = Decimal(0)
    realised: Decimal = Decimal(0)
    today: Decimal | None = None
    fees_today: Decimal = Decimal(0)
    funding_today: Decimal = Decimal(0)
    balance: Decimal = Decimal(0)
    decision: Decision | None = None
    fill: ExecutionReport | None = None
    report: ExecutionReport | None = None
    unknown: tuple[OrderRow, ...] = ()
    differences: tuple[ExternalRow, ...] = ()
    exchange: AtExchange | None = None
    stops: tuple[StopLife, ...] = ()
    simulated: Mapping[StopKind, Decimal] = {}

    @property
    def equity(self) -> Decimal | None:
        """Returns the book's balance and its unrealised profit; None where that is not known."""
        return None if self.unrealised is None else self.balance + self.unrealised

    @property
    def apart(self) -> bool:
        """Returns whether the exchange holds something else than the books: a stop may have fired meanwhile."""
        there = self.exchange
        return there is not None and (there.qty < self.qty if there.spot else there.qty != self.qty)

    @property
    def outcome(self) -> str:
        """Returns how the last decision's orders ended, as far as that is known; empty where it has none."""
        if self.decision is None or not self.decision.orders:
            return ""
        report = self.report
        if report is None or report.client_order_id not in self.decision.orders:
            return "no answer yet"
        if report.client_order_id != self.decision.orders[-1] and report.reason is None:
            return "one to come"
        return str(report.status) if report.reason is None else f"{report.status} {report.reason}"

    def as_json(self) -> dict[str, Any]:
        """Returns the symbol as JSON."""
        decision, fill = self.decision, self.fill
        return {
            "price": self.price,
            "price_at": iso_or_none(self.price_ns),
            "position": self.qty,
            "entry": self.entry,
            "unrealised": self.unrealised,
            "realised": self.realised,
            "today": self.today,
            "fees_today": self.fees_today,
            "funding_today": self.funding_today,
            "equity": self.equity,
            "decision": None
            if decision is None
            else {
                "at": iso(decision.ts_event),
                "orders": len(decision.orders),
                "reason": decision.reason,
                "outcome": self.outcome or None,
                "y_hat": decision.y_hat,
                "target": decision.target,
                "tr": decision.tr,
            },
            "fill": None
            if fill is None
            else {
                "at": iso(fill.ts_event),
                "qty": fill.last_qty,
                "price": fill.last_px,
                "fee": fill.commission,
                "tr": fill.tr,
                "client_order_id": fill.client_order_id,
            },
            "unknown": [row.client_order_id for row in self.unknown],
            "differences": [row.text for row in self.differences],
            "exchange": self.exchange,
            "stops": [
                *({"kind": one.kind, "price": one.price, "phase": one.phase} for one in self.stops),
                *({"kind": kind, "price": price, "phase": SIMULATED} for kind, price in self.simulated.items()),
            ],
        }


class AccountStatus(NamedTuple):
    """An account's status is what its journal says of its right to send. armed: what an arming must be for."""

    latches: Mapping[str, LatchRow]
    arming: ArmingRow | None
    armed: Armed
    differences: tuple[ExternalRow, ...]
    how: str = "tickline"
    arm: str = ""

    def line(self, now_ns: int, wall: WallTime) -> str:
        """Returns whether the account may add exposure, what keeps it from that, and what is typed to change it."""
        waiting = len(self.differences)
        return standing(self.latches, self.arming, self.armed, waiting, now_ns / 1e6, self.how, self.arm, wall)

    def held(self, now_ns: int, wall: WallTime) -> str:
        """Returns what holds it, and what it does not send; an arming counts only once that is lifted."""
        what = "nothing is sent" if HALT in self.latches else "nothing that adds exposure is sent"
        said = f"held by {', '.join(sorted(self.latches))}: {what}"
        if not self.armed_ns(now_ns) or self.arming is None:
            return f"{said}, and it is not armed"
        until = wall.second(self.arming.expires_at_ms * 1_000_000)
        return f"{said}; the arming, until {until}, counts when that is lifted"

    def armed_ns(self, now_ns: int) -> int:
        """Returns how long the account is armed yet, ns; 0 where it is not."""
        arming = self.arming
        if arming is None or (arming.config_hash, arming.decided_by) != self.armed:
            return 0
        return max(arming.expires_at_ms * 1_000_000 - now_ns, 0)


def how_to_arm(settings: Settings, how: str) -> str:
    """Returns what is typed to arm a config's account for all that its limits allow. how: before a verb."""
    gateway = settings.gateway
    most = gateway.risk.max_position_notional * len(settings.symbols)
    return f"{how} arm --account {gateway.account} --max-notional {most:f} --for 12h"


class LineStatus(NamedTuple):
    """A line's status.

    - now_ns: the wall clock. event_ns: now on the clock of the ticks, which differs in a replay and a simulated market.
    - line: whether its services are at work; `partly` where some are. missing: those that are not.
    - words: the last word of each feed, the bus and the exchange.
    - money_from: where the money is read; as_of_ns: as of when. sources: where the rest is, and from when.
    - not_asked: why the exchange says nothing; empty where it does, or need not. asked: whether it was asked.
    - notes: what could not be read.
    - edge: what the monitor, or the model's card, says of its edge.
    - worst: what is lost at most when everything dies now. naked: the symbols whose position lacks its stop.
    """

    now_ns: int
    event_ns: int
    mode: str
    account: str
    venue: str
    line: Line
    missing: tuple[str, ...]
    symbols: Mapping[str, SymbolStatus]
    words: tuple[Word, ...]
    identity: Identity | None = None
    standing: AccountStatus | None = None
    money_from: str = ""
    as_of_ns: int | None = None
    sources: tuple[str, ...] = ()
    not_asked: str = ""
    asked: bool = False
    notes: tuple[str, ...] = ()
    edge: str = ""
    worst: str = ""
    naked: tuple[str, ...] = ()

    @property
    def equity(self) -> Decimal | None:
        """Returns the sum over the books; None where it is not known of one."""
        return _known_sum(one.equity for one in self.symbols.values())

    @property
    def unrealised(self) -> Decimal | None:
        """Returns the sum over the books; None where it is not known of one."""
        return _known_sum(one.unrealised for one in self.symbols.values())

    @property
    def today(self) -> Decimal | None:
        """Returns what all books made since midnight; None where it is not known of one."""
        return _known_sum(one.today for one in self.symbols.values())

    @property
    def fees_today(self) -> Decimal:
        """Returns the sum over the books."""
        return _sum(one.fees_today for one in self.symbols.values())

    @property
    def funding_today(self) -> Decimal:
        """Returns the sum over the books."""
        return _sum(one.funding_today for one in self.symbols.values())

    def as_json(self) -> dict[str, Any]:
        """Returns the documented form."""
        own = self.standing
        return {
            "at": iso(self.now_ns),
            "event_at": iso(self.event_ns),
            "mode": self.mode,
            "account": self.account,
            "venue": self.venue,
            "line": self.line,
            "missing": self.missing,
            **({} if self.identity is None else self.identity.as_json()),
            **({} if own is None else self._account_json(own)),
            "equity": self.equity,
            "unrealised": self.unrealised,
            "today": self.today,
            "fees_today": self.fees_today,
            "funding_today": self.funding_today,
            "symbols": {sym: one.as_json() for sym, one in self.symbols.items()},
            "words": [word.as_json() for word in self.words],
            "money_from": self.money_from,
            "as_of": iso_or_none(self.as_of_ns),
            "sources": self.sources,
            "exchange_not_asked": None if self.asked else self.not_asked or None,
            "exchange_no_answer": (self.not_asked or None) if self.asked else None,
            "edge": self.edge or None,
            "if_everything_dies": self.worst or None,
            "naked": self.naked,
            "notes": self.notes,
        }

    def _account_json(self, own: AccountStatus) -> dict[str, Any]:
        left_ns, arming = own.armed_ns(self.now_ns), own.arming
        return {
            "armed_until": iso(arming.expires_at_ms * 1_000_000) if arming is not None and left_ns else None,
            "armed_s": left_ns // 1_000_000_000,
            "armed_notional": plain(arming.max_notional) if arming is not None and left_ns else None,
            "latches": list(own.latches),
            "differences": [row.text for row in own.differences],
        }


def iso_or_none(ns: int | None) -> str | None:
    """Returns a time for JSON, None for none."""
    return None if ns is None else iso(ns)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))


def _known_sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    found = list(amounts)
    return None if None in found else _sum(one for one in found if one is not None)
