"""The bounds within which trades are put in order, asked for and believed."""

from dataclasses import dataclass

from shared.intervals import NS_PER_S


@dataclass(frozen=True)
class ContinuityRules:
    """The bounds. consecutive: the venue numbers a symbol's trades 1, 2, 3 …, over websocket and REST alike.

    order_ns, order_count: how long, and behind how many others, a trade may come out of order without being asked for.
    waiting: how many may wait behind a hole. silence_ns: how long silence is believed to mean that nothing traded.
    ask_ns: between two questions about a silence. fill_ns: after which a question counts as not answered.
    ahead_ns: a trade that is further ahead of the clock is not believed.
    """

    consecutive: bool = True
    order_ns: int = NS_PER_S // 2
    order_count: int = 1_000
    waiting: int = 20_000
    silence_ns: int = 10 * NS_PER_S
    ask_ns: int = NS_PER_S
    fill_ns: int = 30 * NS_PER_S
    ahead_ns: int = 5 * NS_PER_S

    def __post_init__(self) -> None:
        for name in ("order_ns", "order_count", "waiting", "silence_ns", "ask_ns", "fill_ns", "ahead_ns"):
            if getattr(self, name) < 0:
                raise ValueError(f"continuity: {name} {getattr(self, name)} is negative")
