"""A line's status is read from where each figure is: journal, bus, recording, the services' files, the exchange."""

import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from decimal import Decimal
from typing import NamedTuple

from shared.account.simulated_stop import triggers_of
from shared.bus.api import Session
from shared.config import Mode, Settings
from shared.config.fingerprint import config_hash
from shared.control.arming import Armed
from shared.drift.reference import DriftReference
from shared.errors import ConfigError, DataError, JournalUnwritable, TicklineError
from shared.explain.edge import edge_of, edge_on
from shared.journal.journal import Journal
from shared.lookup import Found, Lookup, Reach
from shared.lookup.day_book import KnownBooks
from shared.lookup.money import SymbolMoney, money
from shared.messages import Decision, ExecutionReport, MarketTick, Stream
from shared.messages.monitor import POOLED, DriftReading
from shared.messages.reasons import StopKind
from shared.models.choose import chosen_card
from shared.recording.checkpoint import TRADED, last_settings
from shared.runner.health import abandoned, alive_file
from shared.runner.last_words import LastWords, last_words
from shared.runner.progress import read_stops
from shared.status.exchange import ExchangeAnswer, look
from shared.status.state import FRESH_S, AccountStatus, Line, LineStatus, SymbolStatus, Word, how_to_arm
from shared.status.stops import naked, told_terms, worst_line
from shared.strategies.drift import reference_in
from shared.strategies.identity import Identity, decided_by_config
from shared.wall_time import WallTime

CORE = ("ingestor", "signal", "strategy", "gateway")
BESIDE = ("recorder", "monitor")
EVENT_TIME = ("simulated", "replay")  # sources whose ticks are of another time
NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
REACH_S = 60.0
FEW = 8  # of a symbol's last decisions, among which that of its last report nearly always is
REMOTE_S = 60.0  # a line whose files are elsewhere is at work if the bus heard of it since


class StatusReader:
    """The reader gives a line's status each time that it is asked.

    - lookup: the line's, open. session: to the bus; None where it does not answer.
    - rests: whether that is an embedded bus which no run holds up.
    - asks: whether the exchange is asked where the line is not at work.
    - replay: whether it is a replay's, whose model and strategy its recording tells, not the config.
    - how: what is typed before a verb.
    """

    def __init__(
        self,
        settings: Settings,
        lookup: Lookup,
        wall: WallTime,
        *,
        session: Session | None = None,
        rests: bool = False,
        asks: bool = False,
        replay: bool = False,
        how: str = "tickline",
    ) -> None:
        self._settings = settings
        self._lookup = lookup
        self._wall = wall
        self._session = session
        self._rests = rests
        self._books = KnownBooks()
        self._asks = asks
        self._how, self._arm = how, how_to_arm(settings, how)
        self._identity: Identity | None = None
        self._armed = Armed("", "")
        self._has_card = False
        self._reference: DriftReference | None = None
        self._replay = replay
        self._event_time = replay or settings.ingestor.source in EVENT_TIME
        self._reach: Reach | None = None
        self._reach_s = 0.0
        self._notes = self._identify()
        self._read_card()

    def _identify(self) -> list[str]:
        """Reads what trades, once; returns why it cannot be told, if so."""
        if self._replay:
            return []
        try:
            self._identity = Identity.of(self._settings)
            if self._settings.gateway.mode is not Mode.PAPER:
                self._armed = Armed(config_hash(self._settings), decided_by_config(self._settings))
        except TicklineError as error:
            return [f"what trades cannot be told: {error}"]
        return []

    def _read_card(self) -> None:
        """Reads what its model's card shows of the edge, once; nothing of a replay's."""
        if self._identity is None or self._replay:
            return
        with suppress(TicklineError):  # that is said of what trades
            card = chosen_card(self._settings)
            self._reference = None if card is None else reference_in(card, self._settings)
            self._has_card = card is not None

    def _identify_replay(self) -> list[str]:
        """Reads what traded in a replay, which its recording knows; returns why it cannot be told, if so."""
        folder = self._lookup.recording
        if folder is None:
            return ["what traded is not known any more: the replay has no recording"]
        try:
            kept = last_settings(folder)
        except DataError as error:
            return [f"what traded cannot be told: {error}"]
        self._identity = Identity.told(kept[TRADED]) if TRADED in kept else None
        return []

    async def read(self) -> LineStatus:
        """Returns the status as it is now; what cannot be read stands in its notes. Raises BusLost where it had one."""
        # What bus, recording and journal have.
        now_ns, own, once = time.time_ns(), self._settings, _Once(self._lookup)
        ticks = {sym: await once.newest(Stream.TICKS, sym) for sym in own.symbols}
        decisions = {sym: await once.newest(Stream.DECISIONS, sym) for sym in own.symbols}
        event_ns = now_ns
        if self._event_time:
            event_ns = max((one.message.ts_event for one in ticks.values() if one is not None), default=now_ns)
        async with AsyncExitStack() as stack:
            journal = await self._journal(stack)
            account, limits = await self._account(journal)
            found = await money(own, once, event_ns // NS_PER_MS, self._wall, journal, self._books)
            stops = [] if journal is None else await journal.stops()
        decisions = {sym: await self._decision_of_report(one, found.symbols.get(sym)) for sym, one in decisions.items()}
        reach = await self._reaches()
        if self._replay and self._identity is None:
            self._notes = self._identify_replay()
        simulated = await self._simulated()
        # Who was heard when, whether the line is at work, and what the exchange says where it is not.
        words = await self._words(ticks, decisions, reach.no_bus)
        health = _health(own, now_ns, words) if self._session is not None and not self._rests else NOT_AT_WORK
        heard_ns = [word.at_ns for word in words]
        seen = await self._exchange(health, limits)
        if seen.at_ns:  # its answer is its last word now
            words = [*(word for word in words if word.who != EXCHANGE), Word(EXCHANGE, seen.at_ns)]
        # All of it together.
        now_ns = time.time_ns()
        symbols = {
            sym: _symbol(sym, found.symbols.get(sym), ticks[sym], decisions[sym], seen)._replace(
                stops=tuple(stop for stop in stops if stop.sym == sym), simulated=simulated.get(sym, {})
            )
            for sym in own.symbols
        }
        # What no price is known of is at stake at its entry, so it counts as worth that here, too.
        at_stake = sum((one.balance + (one.unrealised or 0) for one in symbols.values()), Decimal(0))
        return LineStatus(
            now_ns=now_ns,
            event_ns=event_ns if self._event_time else now_ns,
            mode=own.gateway.mode,
            account=own.gateway.account,
            venue=_venue(own),
            line=health.line,
            missing=health.missing,
            symbols=symbols,
            words=tuple(words),
            identity=self._identity,
            standing=account,
            money_from=found.origin,
            as_of_ns=found.as_of_ns if health.line == "up" else max(filter(None, heard_ns), default=None),
            sources=self._sources(reach),
            not_asked=seen.why,
            asked=seen.asked,
            edge=await self._edge(),
            worst=worst_line(own, symbols, at_stake),
            naked=tuple(naked(own, symbols.values())),
            notes=(*self._notes, *([found.why] if found.why else [])),
        )

    async def _exchange(self, health: "_Health", limits: Mapping[str, bytes]) -> ExchangeAnswer:
        """Asks the exchange for the account, where that is wanted and the line is not at work; else an empty answer."""
        if not self._asks or self._settings.gateway.mode is Mode.PAPER or health.line == "up":
            return ExchangeAnswer({}, 0)
        return await look(self._settings, limits)

    async def _decision_of_report(self, decision: Found | None, held: SymbolMoney | None) -> Found | None:
        """Returns a symbol's last decision, or a later one where the last report is about an order of that.

        The line goes on while it is read: beside the report of a later decision the earlier one looks unanswered.
        """
        report = None if held is None else held.last_report
        if decision is None or report is None or report.ts_event <= decision.message.ts_event:
            return decision
        last = await self._lookup.last(Stream.DECISIONS, report.sym, FEW)
        named = [one for one in last if _orders(one, report)]
        if not named:  # the line has gone on for long meanwhile
            of_then = await self._lookup.messages(Stream.DECISIONS, report.sym, report.ts_event, report.ts_event)
            named = [one for one in of_then if _orders(one, report)]
        return named[-1] if named else decision

    async def _journal(self, stack: AsyncExitStack) -> Journal | None:
        """Returns the account's journal, open; None on paper, and where there is none that can be read."""
        own = self._settings
        if own.gateway.mode is Mode.PAPER:
            return None
        try:
            journal = await Journal.open(own.journal_url, own.gateway.account, durable=True, write=False)
        except (ConfigError, JournalUnwritable):
            return None  # the money says why
        return await stack.enter_async_context(journal)

    async def _simulated(self) -> Mapping[str, Mapping[StopKind, Decimal]]:
        """Returns where each symbol's simulated stops would fire; only on paper, and only the bus knows it."""
        terms = None if self._identity is None else told_terms(self._identity.params)
        if self._settings.gateway.mode is not Mode.PAPER or terms is None or self._session is None:
            return {}
        lying = await read_stops(self._session, self._settings)
        return {sym: triggers_of(terms, stop) for sym, stop in lying.items()}

    async def _account(self, journal: Journal | None) -> tuple[AccountStatus | None, Mapping[str, bytes]]:
        """Returns what the journal says of the account's right to send, and its limits; None on paper."""
        if self._settings.gateway.mode is Mode.PAPER:
            return None, {}
        if journal is None:
            return AccountStatus({}, None, self._armed, (), self._how, self._arm), {}
        differences = tuple(await journal.externals(adopted=False))
        latches, arming = await journal.latches(), await journal.arming()
        return AccountStatus(latches, arming, self._armed, differences, self._how, self._arm), await journal.limits()

    async def _reaches(self) -> Reach:
        """Returns how far back bus and recording reach; that changes slowly, and to find it takes many questions."""
        old = self._reach is None or time.monotonic() - self._reach_s > REACH_S
        if self._reach is None or old or not (self._reach.bus or self._reach.recording):
            self._reach, self._reach_s = await self._lookup.reach(), time.monotonic()
        return self._reach

    async def _words(
        self, ticks: Mapping[str, Found | None], decisions: Mapping[str, Found | None], no_bus: str
    ) -> list[Word]:
        """Returns the last word of each feed, of the bus, and of the exchange."""
        own = self._settings
        heard = LastWords({}, None)
        note = "rests: no run is up" if self._rests else no_bus
        if self._session is not None:
            heard = await last_words(self._session, own)
        written = [one.at_ns for one in (*ticks.values(), *decisions.values()) if one is not None]
        newest_tick = max((one.at_ns for one in ticks.values() if one is not None), default=None)
        words = [Word(f"feed {venue}", at_ms * NS_PER_MS) for venue, at_ms in heard.feeds.items()]
        source = "replay" if self._replay else own.ingestor.source  # the config's is not what was replayed
        words = words or [Word(f"feed {source}", newest_tick)]
        words.append(Word("bus", max(written, default=None), note))
        if own.gateway.mode is not Mode.PAPER:
            words.append(Word(EXCHANGE, None if heard.exchange is None else heard.exchange * NS_PER_MS))
        return words

    async def _edge(self) -> str:
        """Returns what the monitor said last of the edge; before its first word what the model's card shows."""
        found = await self._lookup.last(Stream.MONITOR, POOLED)
        if found and isinstance(found[-1].message, DriftReading):
            return edge_of(found[-1].message, self._reference)
        return edge_on(self._reference) if self._has_card else ""

    def _sources(self, reach: Reach) -> tuple[str, ...]:
        """Returns where the decisions are read, and from when they reach back."""
        bus, recording = reach.bus.get(Stream.DECISIONS), reach.recording.get(Stream.DECISIONS)
        said = []
        if bus is not None:
            said.append(f"decisions from the bus, since {self._wall.second(bus.since_ns)}")
        if recording is not None and (bus is None or recording.since_ns < bus.since_ns):
            said.append(f"from the recording, since {self._wall.second(recording.since_ns)}")
        if reach.no_bus and self._rests:  # else it stands beside the bus's last word
            said.append(f"no bus: {reach.no_bus}")
        if reach.no_recording and bus is None:
            said.append(f"no recording: {reach.no_recording}")
        return tuple(said)


EXCHANGE = "exchange"


class _Once:
    """It asks for each newest message once, so that all of a status is of one moment."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._newest: dict[tuple[Stream, str], list[Found]] = {}
        self.messages = lookup.messages

    async def newest(self, stream: Stream, sym: str) -> Found | None:
        """Returns the newest message, or None."""
        found = await self.last(stream, sym)
        return found[-1] if found else None

    async def last(self, stream: Stream, sym: str, count: int = 1) -> list[Found]:
        """Returns the last messages, the newest last."""
        if count > 1:
            return await self._lookup.last(stream, sym, count)
        if (stream, sym) not in self._newest:
            self._newest[stream, sym] = await self._lookup.last(stream, sym)
        return self._newest[stream, sym]


class _Health(NamedTuple):
    """The health says whether the line is at work, and which services are not."""

    line: Line
    missing: tuple[str, ...]


NOT_AT_WORK = _Health("down", CORE)  # no service works without its bus


def _health(settings: Settings, now_ns: int, words: list[Word]) -> _Health:
    """Returns whether the line's services are at work, by the files that they touch, else by the bus.

    Where the bus has news, a service without a file has its folder elsewhere, e.g. in a container.
    """
    touched = {name: _touched_ns(settings, name) for name in (*CORE, *BESIDE)}
    newest = max((word.at_ns for word in words if word.at_ns is not None), default=0)
    has_news = now_ns - newest < REMOTE_S * NS_PER_S
    if not any(touched[name] for name in CORE):
        return _Health("up" if has_news else "down", ())
    here = {name: at_ns for name, at_ns in touched.items() if at_ns or not has_news}
    late = [
        name
        for name, at_ns in here.items()
        if now_ns - at_ns > FRESH_S * NS_PER_S or abandoned(alive_file(settings.state_dir, name), now_ns / NS_PER_S)
    ]
    missing = tuple(name for name in late if name in CORE or touched[name])
    lacking = sum(name in CORE for name in missing)
    return _Health("up" if not lacking else "down" if lacking == len(CORE) else "partly", missing)


def _orders(decided: Found, report: ExecutionReport) -> bool:
    """Says whether a report is about an order of this decision."""
    return isinstance(decided.message, Decision) and report.client_order_id in decided.message.orders


def _touched_ns(settings: Settings, service: str) -> int:
    """Returns when a service's file was touched, 0 where there is none."""
    try:
        return alive_file(settings.state_dir, service).stat().st_mtime_ns
    except OSError:
        return 0


def _venue(settings: Settings) -> str:
    """Returns where orders go, for a person; empty on paper."""
    own = settings.gateway
    return {"ccxt": own.exchange, "fake": "the simulator"}.get(own.venue, "")


def _symbol(
    sym: str, held: SymbolMoney | None, tick: Found | None, decision: Found | None, seen: ExchangeAnswer
) -> SymbolStatus:
    """Returns a symbol's status. Its price is the exchange's where that was asked, else the newest tick's."""
    there = seen.symbols.get(sym)
    price, price_ns = (None, None) if held is None else (held.price, held.price_ns)
    if tick is not None and isinstance(tick.message, MarketTick):
        price, price_ns = tick.message.price, tick.message.ts_event
    if there is not None and there.price is not None:
        price, price_ns = there.price, seen.at_ns
    decided = decision.message if decision is not None and isinstance(decision.message, Decision) else None
    if held is None:
        return SymbolStatus(sym, price, price_ns, decision=decided, exchange=there)
    unrealised, today = held.unrealised, held.today
    if price is not None and held.entry is not None:
        unrealised = held.qty * (price - held.entry)
        if today is not None and held.unrealised is not None:
            today += unrealised - held.unrealised
    return SymbolStatus(
        sym=sym,
        price=price,
        price_ns=price_ns,
        qty=held.qty,
        entry=held.entry,
        unrealised=unrealised,
        realised=held.made,
        today=today,
        fees_today=held.fees_today,
        funding_today=held.funding_today,
        balance=held.balance,
        decision=decided,
        fill=held.last_fill,
        report=held.last_report,
        unknown=held.unknown,
        differences=held.differences,
        exchange=there,
    )
