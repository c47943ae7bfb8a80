"""The chains of a line: everything that goes back to one tick, from bus, recording and journal, told as sentences."""

import itertools
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from statistics import median_low
from typing import Any, NamedTuple

from shared.bar import Bar
from shared.config import Mode, Settings
from shared.errors import ConfigError, DataError
from shared.explain.chain import Chain, Hop, lacking_line
from shared.explain.circumstances import ModelNeeds, circumstances_of
from shared.explain.decisions import MISSING, Circumstances, Rule
from shared.explain.executions import OrderLife
from shared.explain.story import Sentence, rule_of, story
from shared.intervals import NS_PER_S, interval_ns
from shared.journal.journal import Journal
from shared.journal.rows import OrderRow
from shared.lookup import Lookup
from shared.messages import (
    Decision,
    ExecutionReport,
    Features,
    Gap,
    Leg,
    Message,
    OrderIntent,
    Prediction,
    Reason,
    Stream,
)
from shared.messages.codec import kept
from shared.models.card import Card, ModelRefused
from shared.models.card_of_hash import card_of_hash
from shared.recording.checkpoint import TRADED, settings_at, settings_of
from shared.wall_time import WallTime, iso

JOURNAL = "journal"
NEAR_TICKS = 64  # around a decision, to explain it; further where a window may be longer
FAR_TICKS = 4_096
HOUR_NS = 3_600 * NS_PER_S
OF_WINDOWS = frozenset({Reason.NO_PREDICTION, Reason.WARMING_UP})


class ToldChain(NamedTuple):
    """A told chain has its sentences.

    - lacking: what was not found of it any more; empty where it is complete.
    - rule: as it was configured when the chain's decision was made; as_now: only today's config could tell it.
    """

    chain: Chain
    sentences: list[Sentence]
    lacking: list[str]
    rule: Rule
    as_now: bool

    @property
    def complete(self) -> bool:
        """Says whether all of the chain was found."""
        return not self.lacking


def endings(told: ToldChain) -> Iterator[str]:
    """Yields what a person must know of the answer itself."""
    if told.lacking:
        yield f"  {lacking_line(told.lacking)}"
    if told.as_now and any(True for _ in told.chain.each(Decision)):
        yield "  the rule is told as it is configured now: no recording has its config of then"


def as_json_of(told: ToldChain, at_ns: int | None = None) -> dict[str, Any]:
    """Returns the answer as `--json` has it."""
    chain = told.chain
    return {
        "sym": chain.sym,
        "tr": chain.tr,
        "asked_at": None if at_ns is None else iso(at_ns),
        "complete": told.complete,
        "lacking": told.lacking,
        "rule": str(told.rule),
        "rule_as_configured_now": told.as_now,
        "origins": sorted({hop.origin for hop in chain.hops}),
        "steps": [step_json(sentence) for sentence in told.sentences],
    }


def step_json(sentence: Sentence) -> dict[str, Any]:
    """Returns a sentence with its message."""
    message = sentence.message
    made = {"step": sentence.step, "at": iso(sentence.at_ns) if sentence.at_ns else None, "text": sentence.text}
    return made if message is None else {**made, "type": type(message).__name__, "message": message.content()}


class Chains:
    """The chains are read from a lookup and, in testnet and live, from the account's journal.

    - no_journal: why there is none; empty where there is.
    """

    def __init__(self, settings: Settings, lookup: Lookup, journal: Journal | None, wall: WallTime) -> None:
        self.lookup = lookup
        self.journal = journal
        self.no_journal = "" if journal is not None else "on paper there is no journal"
        self._settings = settings
        self._wall = wall
        self._ticks: dict[str, int] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings, wall: WallTime) -> AsyncIterator["Chains"]:
        """Opens what there is. A journal is never made."""
        async with AsyncExitStack() as stack:
            lookup = await stack.enter_async_context(Lookup.open(settings))
            journal, why = None, ""
            if settings.gateway.mode is not Mode.PAPER:
                try:
                    opened = await Journal.open(
                        settings.journal_url, settings.gateway.account, durable=True, write=False
                    )
                    journal = await stack.enter_async_context(opened)
                except ConfigError as error:
                    why = str(error)
            made = cls(settings, lookup, journal, wall)
            made.no_journal = why or made.no_journal
            yield made

    async def told(self, tr: str) -> ToldChain:
        """Returns the chain of a trace id, told; an empty one where nothing is known of it."""
        found: list[Hop] = [Hop(*one) for one in await self.lookup.of_trace(tr)]
        if MISSING in tr:
            found = [Hop(*one) for one in await self.lookup.of_trace(tr.partition(MISSING)[0])]
            found += await self._led_out(tr, found)
        chain = Chain.of(tr, found)
        lives = await self._lives(chain)
        chain = await self._from_journal(chain, lives)
        at_ns = min((hop.at_ns for hop in chain.hops if hop.at_ns), default=0)
        rule, settings, as_now = self._as_of(at_ns)
        if not chain:
            return ToldChain(chain, [], [], rule, as_now)
        circumstances = {
            decision.n: await self._circumstances(decision) for decision, _ in chain.each(Decision) if decision.reason
        }
        sentences = story(chain, settings, self._wall, rule=rule, circumstances=circumstances, lives=lives)
        lacking = chain.lacking(await self._last_reported(chain))
        return ToldChain(chain, sentences, lacking, rule, as_now)

    async def decision_at(self, sym: str, at_ns: int | None) -> Decision | None:
        """Returns the newest decision on a tick of that time or before it; of all where no time is given."""
        found = [one.message for one in await self.lookup.last(Stream.DECISIONS, sym, NEAR_TICKS, at_ns)]
        decisions = (one for one in found if isinstance(one, Decision))
        return max(decisions, key=lambda one: (one.ts_event, one.n), default=None)

    async def decision_after(self, sym: str, at_ns: int) -> Decision | None:
        """Returns the first decision on a tick behind a time, within FAR_TICKS of it."""
        upto = at_ns + FAR_TICKS * await self._tick_ns(sym)
        near = [one.message for one in await self.lookup.messages(Stream.DECISIONS, sym, at_ns + 1, upto)]
        return next((one for one in near if isinstance(one, Decision)), None)

    async def features_before(self, chain: Chain) -> list[Message]:
        """Returns the features that a model with a window was shown beside the chain's own, oldest first, with gaps."""
        own, prediction = chain.one(Features), chain.one(Prediction)
        if own is None or prediction is None:
            return []
        card = self._card(prediction)
        if card is None or card.window == 1:
            return []
        numbers = range(max(1, own.n - card.window + 1), own.n)
        found = [await self.lookup.by_n(Stream.FEATURES, own.sym, n) for n in numbers]
        return [one.message for one in found if one is not None]

    async def _tick_ns(self, sym: str) -> int:
        """Returns the time between two ticks, of the last ones: a replay's interval need not be the config's."""
        if sym not in self._ticks:
            times = [one.message.ts_event for one in await self.lookup.last(Stream.PREDICTIONS, sym, NEAR_TICKS)]
            apart = [late - early for early, late in itertools.pairwise(times) if late > early]
            self._ticks[sym] = median_low(apart) if apart else NS_PER_S
        return self._ticks[sym]

    async def _led_out(self, tr: str, base: Iterable[Hop]) -> list[Hop]:
        """Returns what a missing prediction led to: it has a trace of its own behind that of the tick before."""
        tick = next(iter(base), None)
        if tick is None:
            return []
        since = tick.message.ts_event
        upto = since + max(HOUR_NS, NEAR_TICKS * await self._tick_ns(tick.message.sym))
        found: list[Hop] = []
        n = tr.partition(MISSING)[2]
        gap = await self.lookup.by_n(Stream.PREDICTIONS, tick.message.sym, int(n)) if n.isdigit() else None
        if gap is not None and isinstance(gap.message, Gap):
            found.append(Hop(*gap))
        for stream in (Stream.DECISIONS, Stream.ORDERS, Stream.EXECUTIONS):
            near = await self.lookup.messages(stream, tick.message.sym, since, upto)
            found += [Hop(*one) for one in near if one.message.tr == tr]
        return found

    async def _lives(self, chain: Chain) -> dict[str, OrderLife]:
        """Returns what the journal has of the chain's orders."""
        if self.journal is None:
            return {}
        names = {name for decision, _ in chain.each(Decision) for name in decision.orders}
        names |= {order.client_order_id for order, _ in chain.each(OrderIntent)}
        names |= {report.client_order_id for report, _ in chain.each(ExecutionReport)}
        rows = await self.journal.orders_of_trace(chain.tr)
        if not names and chain.one(Decision) is None:  # nothing is left that would name them, e.g. after a restore
            names = {row.client_order_id for row in rows}
        names |= {row.client_order_id for row in rows if row.leg is Leg.STOP}  # of them there is no decision
        return {name: await self._life(self.journal, name) for name in sorted(names)}

    async def _life(self, journal: Journal, name: str) -> OrderLife:
        row = await journal.order(name)
        if row is None:
            return OrderLife()
        return OrderLife(row, tuple(await journal.events_of(name)), tuple(await journal.fills(client_order_id=name)))

    async def _from_journal(self, chain: Chain, lives: dict[str, OrderLife]) -> Chain:
        """Returns the chain with orders and reports that bus and recording have no more, as the journal has them."""
        if self.journal is None:
            return chain
        orders = {order.client_order_id for order, _ in chain.each(OrderIntent)}
        reports = {report.client_order_id for report, _ in chain.each(ExecutionReport)}
        more: list[Hop] = []
        for name, life in lives.items():
            if life.row is not None and name not in orders:
                more.append(Hop(_intent(life.row), 0, JOURNAL))
            row = None if name in reports else await self.journal.execution_of(name)
            if row is not None:
                more.append(Hop(kept(ExecutionReport, row.report), row.at_ms * 1_000_000, JOURNAL))
        return Chain.of(chain.tr, [*chain.hops, *more])

    async def _last_reported(self, chain: Chain) -> int:
        """Returns the last order of the symbol that has a report; one behind it may be in flight."""
        last = [one.message for one in await self.lookup.last(Stream.EXECUTIONS, chain.sym, NEAR_TICKS)]
        return max((one.order_n for one in last if isinstance(one, ExecutionReport)), default=0)

    async def _circumstances(self, decision: Decision) -> Circumstances:
        """Returns what lies around a decision without orders."""
        tick_ns, sym, at_ns = await self._tick_ns(decision.sym), decision.sym, decision.ts_event
        near: list[Message] = []
        for stream in (Stream.DECISIONS, Stream.PREDICTIONS, Stream.EXECUTIONS):
            far = stream is Stream.PREDICTIONS and decision.reason in OF_WINDOWS
            since = at_ns - (FAR_TICKS if far else NEAR_TICKS) * tick_ns
            found = await self.lookup.messages(stream, sym, since, at_ns + NEAR_TICKS * tick_ns)
            near += [one.message for one in found]
        needs = self._needs(near, decision, tick_ns) if decision.reason is Reason.NO_PREDICTION else None
        return circumstances_of(decision, near, self._wall, needs)

    def _needs(self, near: Iterable[Message], decision: Decision, tick_ns: int) -> ModelNeeds | None:
        of = (one for one in near if isinstance(one, Prediction) and one.n == decision.prediction_n)
        prediction = next(of, None)
        card = None if prediction is None or not prediction.model else self._card(prediction)
        return None if card is None else needs_of(card, tick_ns)

    def _card(self, prediction: Prediction) -> Card | None:
        try:
            return card_of_hash(self._settings, prediction.model)[1]
        except (ModelRefused, ConfigError):
            return None

    def _as_of(self, at_ns: int) -> tuple[Rule, Settings, bool]:
        """Returns the rule of then, and the settings with the gateway's, as the recorder kept them; else those of now.

        The mode, the costs and the limits are of then, too: a replay on paper is told beside a config that is live.
        """
        folder = self.lookup.recording
        try:
            told = None if folder is None or not at_ns else settings_at(folder, at_ns)
            if told is not None and TRADED in told:
                gateway = settings_of(told).gateway
                return _told_rule(told), self._settings.model_copy(update={"gateway": gateway}), False
        except DataError:
            pass  # a recording that cannot be read tells no rule
        return rule_of(self._settings), self._settings, True


def _told_rule(told: dict[str, Any]) -> Rule:
    traded = told[TRADED]["strategy"]
    return Rule(
        traded["name"],
        traded["params"],
        told["ingestor"].get("age_limit_s"),
        told["strategy"].get("prediction_stale_s"),
    )


def _intent(row: OrderRow) -> OrderIntent:
    """Returns an order as it was read, out of its row; n is that on the stream."""
    return OrderIntent(
        n=max(1, row.order_n), sym=row.sym, ts_event=row.ts_event, tr=row.tr, tick_n=row.tick_n,
        client_order_id=row.client_order_id, leg=row.leg, signed_qty=row.intended_qty, reduce_only=row.reduce_only,
        price=row.price, valid_until=row.valid_until_ns, after=row.after or None, by=row.by,
        type=row.type, limit_price=row.limit_price, time_in_force=row.time_in_force, trigger_price=row.trigger_price,
    )  # fmt: skip


def needs_of(card: Card, tick_ns: int) -> ModelNeeds:
    """Returns what a card's model needs before it predicts: it is shown bars until it has seen enough.

    - tick_ns: from tick to tick.

    >>> from pathlib import Path
    >>> from shared.models.choose import card_at
    >>> card = card_at(Path("weights/btcusdt_12h_linear.json"))
    >>> needs_of(card, 12 * HOUR_NS), needs_of(card, HOUR_NS).interval_ns == 12 * HOUR_NS
    (ModelNeeds(interval='12h', interval_ns=0, ticks=4), True)
    """
    from shared.models.model_input import ModelInput  # numpy

    model_input = ModelInput(card.features, card.window, interval=card.interval)
    full = (n for n in range(1, FAR_TICKS + 1) if model_input.on_tick(_flat_bar(n)) is not None)
    try:
        length_ns = interval_ns(card.interval)
    except ValueError:  # a tick a trade
        length_ns = 0
    return ModelNeeds(card.interval, length_ns if length_ns > tick_ns else 0, next(full, 0))


def _flat_bar(n: int) -> Bar:
    """Returns a bar with everything that a feature may look at."""
    price = 100.0 + n % 7
    return Bar(
        "", n * NS_PER_S, Decimal(str(price)), price, price, price + 1, price - 1, 1.0 + n % 3, 1.0, 2, 0.5,
        price - 0.5, price + 0.5, 1.0, 1.0, 0.0001,
    )  # fmt: skip
