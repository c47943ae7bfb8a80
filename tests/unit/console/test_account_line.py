"""What the run says of the account, by its journal."""

import re
import time
from pathlib import Path

import pytest

from services.console.account_line import AccountLine
from services.console.fake_run import fake_settings
from services.console.options import RunOptions
from shared.config import Settings
from shared.config.fingerprint import config_hash
from shared.journal.journal import Journal
from shared.journal.rows import ArmingRow, ExternalRow, LatchRow
from shared.models.choose import card_at, chosen_model
from shared.runner.health import alive_file

ASKS = (
    "nothing that adds exposure is sent; in another terminal: "
    "A=b tickline arm --account fake --max-notional 2500 --for 12h"
)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    monkeypatch.chdir(tmp_path)
    return fake_settings(RunOptions())


async def said(settings: Settings) -> str:
    line = AccountLine(settings, "A=b tickline")
    try:
        return await line.look()
    finally:
        await line.close()


async def opened(settings: Settings) -> Journal:
    return await Journal.open(settings.journal_url, "fake", durable=False)


def arming(settings: Settings, *, for_ms: int = 60_000, config: str = "") -> ArmingRow:
    now_ms = time.time_ns() // 1_000_000
    of = config_hash(settings, card_at(chosen_model(settings)).sha256)
    return ArmingRow(settings.strategy.balance, now_ms - 1_000, now_ms + for_ms, config or of, "me")


async def test_nothing_before_there_is_a_journal(settings: Settings) -> None:
    assert await said(settings) == ""
    assert not settings.state_dir.exists(), "looking makes none"


async def test_from_not_armed_to_armed_and_held(settings: Settings) -> None:
    settings.state_dir.mkdir()
    async with await opened(settings) as journal:
        assert await said(settings) == f"not armed: {ASKS}"
        await journal.write_by_person([arming(settings, for_ms=-1)])
        assert re.fullmatch(rf"armed no more, since 20\S+ \S+ UTC: {re.escape(ASKS)}", await said(settings))
        await journal.write_by_person([arming(settings, config="c" * 64)])
        assert await said(settings) == f"armed for another config, which does not count: {ASKS}"
        await journal.write_by_person([arming(settings)])
        assert (await said(settings)).startswith("armed until ")
        assert (await said(settings)).endswith(" UTC, for positions of at most 1000")
        await journal.write_by_person([ExternalRow("BALANCE", "", "balance", "1 more", 1, "")])
        assert (await said(settings)).endswith("; 1 differences wait for a person: A=b tickline resolve")
        await journal.write_by_person([LatchRow("OTHER_BUS", "b2 instead of b1", "gateway", 1)])
        assert await said(settings) == "held by OTHER_BUS: in another terminal: A=b tickline adopt"
        await journal.write_by_person([LatchRow("HALT", "by hand", "me", 1)])
        assert await said(settings) == (
            "held by HALT, OTHER_BUS: in another terminal: A=b tickline resume HALT, A=b tickline adopt"
        )


async def test_a_gateway_that_is_not_at_work_says_why(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.console.account_line.MAX_AGE_S", 0.0)  # it should be by now
    log = settings.state_dir / "logs" / "gateway.log"
    assert await said(settings) == f"the gateway is not at work: it said nothing (log: {log})"
    log.parent.mkdir(parents=True)
    log.write_text('{"why": "an old one"}\n{"why": "binance refuses"}\n{"event": "partition given up"}\n')
    assert await said(settings) == f"the gateway is not at work: binance refuses (log: {log})"
    alive_file(settings.state_dir, "gateway").touch()
    assert await said(settings) == ""
