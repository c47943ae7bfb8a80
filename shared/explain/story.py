"""A story tells a chain as sentences, one a step, each with its time; the verbs `why` and `trace` show it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from shared.config import Settings
from shared.exchanges.trading.amounts import plain
from shared.explain.chain import Chain
from shared.explain.decisions import Circumstances, Decided, Rule, decision_line, figures
from shared.explain.executions import Executed, OrderLife, order_lines
from shared.explain.reasons import GAPS
from shared.intervals import NS_PER_S
from shared.messages import (
    Decision,
    DriftReading,
    ExecutionReport,
    Features,
    Gap,
    GapCause,
    Leg,
    MarketTick,
    Message,
    OrderIntent,
    Prediction,
)
from shared.messages.reasons import UNASKED
from shared.strategies.registry import described
from shared.wall_time import WallTime, age

NS_PER_MS = 1_000_000


class Sentence(NamedTuple):
    """A sentence tells one step.

    - step: `tick`, `gap`, `features`, `prediction`, `decision`, `risk`, `exchange`, `report`.
    - at_ns: when it was written; 0 where nobody said.
    - message: the message that it tells, if it tells one.
    """

    step: str
    at_ns: int
    text: str
    message: Message | None = None
    origin: str = ""


def rule_of(settings: Settings) -> Rule:
    """Returns the rule of a config; raises ConfigError where its strategy is not to be had."""
    venue = settings.ingestor
    return Rule(
        settings.strategy.name, described(settings.strategy), venue.age_limit_s, settings.strategy.prediction_stale_s
    )


def story(
    chain: Chain,
    settings: Settings,
    wall: WallTime,
    *,
    rule: Rule,
    circumstances: Mapping[int, Circumstances] | None = None,
    lives: Mapping[str, OrderLife] | None = None,
) -> list[Sentence]:
    """Returns a chain as sentences, in the order of the line.

    - circumstances: by the decision's n, what lies around it. lives: by client order id, what the journal has.
    """
    told = list(_market(chain, wall))
    reports = {report.client_order_id: (report, at_ns) for report, at_ns in chain.each(ExecutionReport)}
    orders = {order.client_order_id: (order, at_ns) for order, at_ns in chain.each(OrderIntent)}
    prediction = chain.one(Prediction)
    tick_at_ns = next((at_ns for _, at_ns in chain.each(MarketTick)), 0)
    told_of: set[str] = set()

    def of_order(name: str) -> Iterator[Sentence]:
        told_of.add(name)
        order, order_ns = orders.get(name, (None, 0))
        report, report_ns = reports.get(name, (None, 0))
        life = (lives or {}).get(name, OrderLife())
        if order is not None:
            yield Sentence("order", order_ns, f"{order.human()}, id {name}", order)
        case = Executed(order, report, settings.gateway, wall, life)
        for step, text in order_lines(case):
            at_ns = report_ns if step == "report" else _life_ns(life, order_ns, step)
            yield Sentence(step, at_ns, text, report if step == "report" else None)

    for name, (order, _) in orders.items():
        if order.leg is Leg.STOP and order.tick_n:  # simulated: it fired before the strategy decided on this tick
            told += of_order(name)
    for decision, at_ns in chain.each(Decision):
        seen = Decided(
            decision, at_ns, rule, wall, prediction, tick_at_ns, (circumstances or {}).get(decision.n, Circumstances())
        )
        told.append(Sentence("decision", at_ns, decision_line(seen), decision))
        for name in decision.orders:
            told += of_order(name)
    rest = [name for name in dict.fromkeys((*orders, *reports)) if name not in told_of]
    for name in sorted(rest, key=lambda name: (orders.get(name) or reports[name])[0].ts_event):
        told += of_order(name)
    told += [Sentence("monitor", at_ns, reading.human(), reading) for reading, at_ns in chain.each(DriftReading)]
    return told


def _life_ns(life: OrderLife, order_ns: int, step: str) -> int:
    if life.row is None:
        return order_ns
    return (life.row.at_ms or life.row.updated_ms) * 1_000_000 if step == "exchange" else order_ns


def _market(chain: Chain, wall: WallTime) -> Iterator[Sentence]:
    gaps = set[GapCause]()  # each is passed on through all streams, and told once
    for hop in chain.hops:
        message, at_ns = hop.message, hop.at_ns
        if isinstance(message, MarketTick):
            yield Sentence("tick", at_ns, _tick(message, at_ns, wall), message, hop.origin)
        elif isinstance(message, Gap):
            if message.cause in gaps:
                continue
            gaps.add(message.cause)
            text = f"something is missing in the {message.stream} before it: {message.cause}: {GAPS[message.cause]}"
            yield Sentence("gap", at_ns, text, message, hop.origin)
        elif isinstance(message, Features):
            yield Sentence("features", at_ns, _features(message), message, hop.origin)
        elif isinstance(message, Prediction):
            yield Sentence("prediction", at_ns, _prediction(message), message, hop.origin)


def _tick(tick: MarketTick, at_ns: int, wall: WallTime) -> str:
    groups = [name for name in ("bar", "quote", "funding") if getattr(tick, name) is not None]
    with_them = f", with {' and '.join(groups)}" if groups else ""
    late_ns = at_ns - tick.ts_event
    after = f"{late_ns / NS_PER_MS:.0f} ms" if late_ns < NS_PER_S else age(late_ns)
    known = f"known {after} after" if late_ns >= 0 else "of a time that was to come"
    history = ", as history" if tick.history else ""
    at = wall.second(tick.ts_event)
    return f"price {plain(tick.price)} of {at} from {tick.venue}{with_them}, {known}{history}"


def _features(features: Features) -> str:
    values = features.values.numpy().ravel().tolist()
    return f"{features.spec} = [{' '.join(figures(value, 6) for value in values)}]"


def _prediction(prediction: Prediction) -> str:
    if not prediction.model:
        return "no model: the rule looks at market data alone"
    if prediction.y_hat is None:
        return f"no y_hat of model {prediction.model}"
    y_hat = figures(prediction.y_hat, 6, "+")
    return f"y_hat {y_hat} of model {prediction.model}, as log return until the model's next bar"


def unasked_line(chain: Chain) -> str:
    """Returns that nobody decided what a chain is about; empty where somebody did."""
    legs = {report.leg for report, _ in chain.each(ExecutionReport)}
    if not legs or not legs <= UNASKED or chain.one(OrderIntent) is not None:
        return ""
    return "no decision and no order stand behind it"


def times(told: Sequence[Sentence]) -> list[str]:
    """Returns how long after the sentence before each was written, for a person; empty for the first and where unknown.

    >>> times([Sentence("tick", 1_000_000, ""), Sentence("features", 3_500_000, ""), Sentence("risk", 0, "")])
    ['', '+2.5 ms', '']
    """
    before, made = 0, []
    for one in told:
        made.append(f"+{(one.at_ns - before) / 1e6:.1f} ms" if before and one.at_ns >= before else "")
        before = one.at_ns or before
    return made
