"""A reference is made by the backtest's own stages: what the paper twin earned where the model had not learned."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from services.research.backtest.engine import Backtest, Inputs
from services.research.backtest.funding import FundingRates
from services.research.in_process_line import line_plans
from shared.config import Settings
from shared.drift.pool import SymbolPool
from shared.drift.reference import DriftReference, measured
from shared.drift.twin import Costs, Twin, TwinBar
from shared.errors import ConfigError
from shared.history.funding import hours_between
from shared.history.resampled import bars_of
from shared.history.times import text_time, time_text
from shared.messages import Decision, Gap, Message, Prediction
from shared.messages.market import FundingGroup
from shared.models.card import Card
from shared.models.choose import card_at
from shared.models.model_files import write_card
from shared.needs import needed_groups, stop_needs
from shared.strategies.drift import drift_key
from shared.strategies.identity import AROUND, called, called_around
from shared.strategies.registry import described


class _Twins:
    """Takes a backtest's messages of one symbol into two twins: whether it pays both legs is known at the end."""

    def __init__(self, sym: str, settings: Settings, rates: FundingRates | None) -> None:
        fee, slippage_bps = float(settings.gateway.fee), float(settings.gateway.slippage_bps)
        self._twins = {legs: Twin(sym, Costs(fee, slippage_bps, legs)) for legs in (True, False)}
        self.bars: dict[bool, list[TwinBar]] = {True: [], False: []}
        self.ends: list[int] = []
        self.both_legs = self.funded = False
        self._rates, self._rate = rates, FundingGroup(rate=0.0)
        self._settled_ns = 0

    def tap(self, message: Message) -> None:
        """Takes a message of the bars that are traded on."""
        if not isinstance(message, Prediction | Decision | Gap):
            return
        if isinstance(message, Prediction):
            self.ends.append(message.ts_event)
            message = self._with_rate(message)
            self.funded = self.funded or message.funding is not None
        elif isinstance(message, Decision):
            self.both_legs = self.both_legs or _goes_on(message)
        for legs, twin in self._twins.items():
            self.bars[legs] += twin.on_tick(message)

    def _with_rate(self, prediction: Prediction) -> Prediction:
        if self._rates is None:
            return prediction
        for due in self._rates.until(prediction.ts_event):
            hours = hours_between(self._settled_ns, due.ts_event) if self._settled_ns else None
            self._rate, self._settled_ns = FundingGroup(rate=float(due.rate), interval_h=hours), due.ts_event
        return prediction.model_copy(update={"funding": self._rate})


def _goes_on(decision: Decision) -> bool:
    """Says whether a decision closes a position and opens one on the same side: then it pays for both legs.

    One that turns a position pays for both sides anyhow.
    """
    target = decision.target
    return len(decision.orders) > 1 and target is not None and target * decision.signed_qty > 0


def reference_of(
    settings: Settings, start_ns: int, inputs: Inputs | None = None, funding: Path | None = None
) -> DriftReference:
    """Returns the reference of a replay's settings, from the bar that ends at `start_ns` on, all symbols pooled.

    - inputs: bars and plans of the only symbol, instead of its file and the config's model.
    - funding: a file of the only symbol's funding rates.

    Raises ConfigError or DataError, as a backtest does.
    """
    if len(settings.symbols) > 1 and (inputs or funding):
        raise ConfigError(f"--funding is of one symbol, and there are {len(settings.symbols)}: give one")
    twins = {}
    for sym in settings.symbols:
        rates = None if funding is None else FundingRates(funding)
        twins[sym] = _Twins(sym, _of_one(settings, sym), rates)
        Backtest(_of_one(settings, sym), start_ns=start_ns, inputs=inputs).run(tap=twins[sym].tap)
    legs = any(found.both_legs for found in twins.values())
    ends = sorted({end for found in twins.values() for end in found.ends})
    own, gateway = settings.strategy, settings.gateway
    told = described(own)
    params = {name: value for name, value in told.items() if name not in AROUND}
    return DriftReference(
        strategy=" in ".join([called(own.name, params), *called_around(told)]),
        decides=drift_key(settings),
        symbols=tuple(sorted(settings.symbols)),
        interval=settings.interval,
        fee=float(gateway.fee),
        slippage_bps=float(gateway.slippage_bps),
        legs=legs,
        funded=any(found.funded for found in twins.values()),
        start=time_text(ends[0]),
        end=time_text(ends[-1]),
        bars=len(ends),
        **measured(list(_pooled({sym: found.bars[legs] for sym, found in twins.items()})))._asdict(),
    )


def _pooled(bars: dict[str, list[TwinBar]]) -> Iterator[float]:
    """Yields the pooled returns of held bars, in order of time."""
    pool = SymbolPool(list(bars))
    merged = sorted((bar for found in bars.values() for bar in found), key=lambda bar: (bar.ts_event, bar.sym))
    for bar in merged:
        yield from (closed.net for closed in pool.on_tick(bar))
    for sym in bars:  # what the shortest file has no bar for
        for closed in pool.on_tick(TwinBar(sym, merged[-1].ts_event, "", "", None)):
            yield closed.net


def _of_one(settings: Settings, sym: str) -> Settings:
    if len(settings.symbols) == 1:
        return settings
    ingestor = settings.ingestor.model_copy(update={"files": {sym: settings.ingestor.files[sym]}})
    return settings.model_copy(update={"symbols": (sym,), "ingestor": ingestor})


def learned_until(card: Card) -> int:
    """Returns the time, in ns, from which on the model had learned nothing; raises ConfigError where nobody knows."""
    fitted = None if card.training is None else card.training.train
    if fitted is None:
        raise ConfigError(f"model {card.name}: its card does not say what it learned from: train it, or say --from")
    return text_time(fitted.end).ns


def with_reference(card: Card, reference: DriftReference) -> Card:
    """Returns the card with a reference, in the place of the one for the same strategy, costs and symbols.

    >>> from shared.models.choose import card_at
    >>> card = card_at(Path("weights/btcusdt_12h_linear.json"))
    >>> [with_reference(card, each).references == card.references for each in card.references]
    [True]
    """
    others = [
        each
        for each in card.references
        if (each.decides, set(each.symbols)) != (reference.decides, set(reference.symbols))
    ]
    return card.model_copy(update={"references": (*others, reference)})


class FileTrial(NamedTuple):
    """A trial is a file of one symbol's prices, and how a model of longer bars is tried on it.

    - own: the file's interval. interval: of the bars that are made of them.
    """

    data: Path
    sym: str
    own: str
    interval: str
    timezone: str = ""

    def settings(self, line: Settings, card: Path) -> Settings:
        """Returns a line's settings for it, with the model of a card."""
        ingestor = line.ingestor.model_copy(
            update={"source": "replay", "files": {self.sym: self.data}, "timezone": self.timezone}
        )
        signal = line.signal.model_copy(update={"model": str(card)})
        run = {"symbols": (self.sym,), "interval": self.interval, "run_id": "reference"}
        return line.model_copy(update={**run, "ingestor": ingestor, "signal": signal})


def add_reference(card_path: Path, line: Settings, trial: FileTrial) -> DriftReference:
    """Measures a model that was just made, on what it did not learn from, and writes the reference into its card.

    - line: whose strategy, fee and slippage are meant.

    Raises ConfigError or DataError where there is nothing to measure it on.
    """
    own = trial.settings(line, card_path)
    card, needs = card_at(card_path), needed_groups(own)
    who = ", ".join(card.features)
    found = bars_of(trial.data, trial.own, trial.interval, trial.timezone, needs, who, frozenset(card.fields))
    reference = reference_of(own, learned_until(card), Inputs(found, line_plans(own), needs | stop_needs(own)))
    write_card(card_path, with_reference(card, reference))
    return reference
