"""Values of this package as a snapshot holds them."""

from decimal import Decimal

from services.ingestor.live.events import Bar, Missing, Trade
from shared.tick import State


def saved_trade(trade: Trade) -> State:
    """A list of its fields."""
    return [trade.id, trade.ts_event, trade.price, trade.qty, trade.seq, trade.on_book]


def trade_in(state: State) -> Trade:
    """What `saved_trade` gave, or gave before there was a `seq`; raises ValueError."""
    match state:
        case [(int() | str()) as number, int() as ts_event, Decimal() as price, Decimal() as qty]:
            return Trade(number, ts_event, price, qty)
        case [
            (int() | str()) as number,
            int() as ts_event,
            Decimal() as price,
            Decimal() as qty,
            int() as seq,
            on_book,
        ]:
            return Trade(number, ts_event, price, qty, seq, bool(on_book))
        case _:
            raise ValueError(f"a trade's state is not {state!r:.80}")


def saved_bar(bar: Bar) -> State:
    """A list of its fields."""
    return [bar.ts_event, bar.price]


def bar_in(state: State) -> Bar:
    """What `saved_bar` gave; raises ValueError."""
    match state:
        case [int() as ts_event, (Decimal() | None) as price]:
            return Bar(ts_event, price)
        case _:
            raise ValueError(f"a bar's state is not {state!r:.80}")


def saved_question(question: Missing | None) -> State:
    """A list of its fields, or None."""
    return None if question is None else [question.no, *question[2:]]


def question_in(state: State, what: str) -> Missing | None:
    """What `saved_question` gave; raises ValueError."""
    match state:
        case None:
            return None
        case [int() as no, (int() | None) as from_id, (int() | None) as to_id, int() as from_ns, int() as to_ns]:
            return Missing(no, "bars" if what == "bars" else "trades", from_id, to_id, from_ns, to_ns)
        case _:
            raise ValueError(f"a question's state is not {state!r:.80}")


def counts_in(state: State) -> dict[str, int]:
    """Counts by name; raises ValueError."""
    if not isinstance(state, dict):
        raise ValueError(f"counts are not {state!r:.80}")
    counts = {name: count for name, count in state.items() if isinstance(count, int)}
    if len(counts) < len(state):
        raise ValueError(f"counts are integers, not {state!r:.80}")
    return counts
