"""Verbs on an account show times on this machine's clock, as all others do."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.console.halt import lift
from services.console.resolve import waiting
from shared.config import load_settings
from shared.journal.journal import Journal
from shared.journal.rows import ExternalRow, LatchRow
from tests.e2e.account import ACCOUNT, CONFIG

NOON_MS = 1_763_985_600_000  # 2025-11-24 12:00:00 UTC


@pytest.fixture(autouse=True)
def _in_tokyo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "tickline.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TICKLINE_STATE_DIR", str(tmp_path / "state"))
    with monkeypatch.context() as zone:
        zone.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


async def test_what_is_latched_and_what_waits() -> None:
    url = load_settings().journal_url
    async with await Journal.open(url, ACCOUNT, durable=False) as journal:
        rows = [
            LatchRow("DRAWDOWN", "too much", "gateway", NOON_MS),
            ExternalRow("POSITION", "BTCUSDT", "", "the exchange holds 1, the books 0", NOON_MS, ""),
        ]
        await journal.write(rows, await journal.raise_epoch("test"))
    (latch,) = await lift([])
    assert latch.startswith("latched: DRAWDOWN since 2025-11-24 21:00:00 JST by gateway")
    (difference,) = await waiting()
    assert difference.startswith("difference POSITION/BTCUSDT/ since 2025-11-24 21:00:00 JST")
