"""What a desk is told by the config."""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from services.gateway.execution.session_context import Timeouts
from shared.control.whereabouts import Whereabouts


class DeskRules(NamedTuple):
    """symbols: that have a lane. book: what a symbol's book is called in the journal. capital: of each book, quote
    units. max_clock_skew_ms: between the venue's clock and ours; beyond it nothing is added. quote_s: between two looks
    at a symbol's quote. equity_max_age_s: beyond it the equity is not known. quote_max_age_s: of a quote that
    values coins. again_s: before a second observation of what one has not made certain.
    markets_s, markets_pause_s: between two looks at the markets, as a rule and at least.
    account: its name. whereabouts: what the journal is to keep of the config."""

    symbols: tuple[str, ...]
    book: Callable[[str], str]
    capital: Decimal
    partitions: int
    pace: Timeouts
    reconcile_s: float
    max_clock_skew_ms: int = 2_000
    quote_s: float = 1.0
    watch_s: float = 0.5
    equity_max_age_s: float = 90.0
    quote_max_age_s: float = 5.0
    again_s: float = 1.0
    markets_s: float = 3_600.0
    markets_pause_s: float = 10.0
    whereabouts: Whereabouts = Whereabouts()
    account: str = ""
