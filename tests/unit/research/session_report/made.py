"""A session that is made up: the line's own messages over a walk of prices, which a test may then spoil."""

import asyncio
import random
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path

from services.ingestor.source import Quote
from services.research.in_process_line import InProcessLine, line_plans
from services.research.session_report.session import LineSession, gathered
from shared.config import Settings, load_settings
from shared.intervals import NS_PER_S
from shared.journal.journal import Journal
from shared.messages import Message, Stream
from shared.wall_time import UTC_TIME
from tests.unit.lookup.world import BEGIN_MS, World

SYM = "BTCUSDT"
STEP = 12 * 3_600 * NS_PER_S
BEGIN = 1_750_000_000 * NS_PER_S // STEP * STEP  # in the shipped card's training window
COUNT = 60
LATER_NS = 2 * BEGIN_MS * 1_000_000


def settings_of(**sections: object) -> Settings:
    """Paper, the shipped model, netted and with slippage, but for what is given."""
    given: dict[str, object] = {
        "strategy": {"balance": "1000", "params": {"netting": True}},
        "gateway": {"fee": "0.0005", "slippage_bps": "2"},
        "signal": {"model": "btcusdt_12h_linear"},
        "interval": "12h",
        **sections,
    }
    return load_settings(
        symbols=(SYM,), run_id="report", ingestor={"source": "replay", "files": {SYM: Path("none")}},
        **given,
    )  # fmt: skip


def at(bar: int) -> int:
    """The end of a bar, ns; the first is 1."""
    return BEGIN + bar * STEP


def told(settings: Settings, count: int = COUNT, seed: int = 3) -> list[Message]:
    """What the line writes over a walk of prices."""
    dice, price, written = random.Random(seed), 70_000.0, list[Message]()
    line = InProcessLine(line_plans(settings), SYM, dict.fromkeys(Stream, written.append))
    for bar in range(1, count + 1):
        price *= 1 + dice.gauss(0, 0.01)
        line.on_tick(Quote(SYM, at(bar), Decimal(f"{price:.1f}")))
    return written


def session_of(
    settings: Settings,
    messages: Iterable[Message],
    folder: Path,
    since_ns: int | None = None,
    until_ns: int | None = None,
    journal: Journal | None = None,
    now_ns: int = LATER_NS,
) -> LineSession:
    """The session, read from a bus that holds these messages."""
    world = World(folder, [SYM])
    world.write(*messages)
    return asyncio.run(gathered(settings, world.lookup(), journal, SYM, since_ns, until_ns, UTC_TIME, now_ns))


def written_ns(messages: Sequence[Message]) -> int:
    """When the last of these messages was written."""
    return (BEGIN_MS + 1_000 * len(messages)) * 1_000_000
