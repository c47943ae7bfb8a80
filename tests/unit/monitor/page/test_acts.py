"""What a person may do at the page stands in the journal, as the verbs write it."""

import os
import time
from decimal import Decimal
from pathlib import Path

import pytest

from services.monitor.page.acts import ACTS, BY, PageActs
from shared.config import Settings, load_settings
from shared.control import requests
from shared.control.latches import HALT, REDUCE_ONLY, halt
from shared.journal.journal import Journal
from shared.journal.rows import ArmingRow


def account(folder: Path) -> Settings:
    return load_settings(
        symbols=("BTCUSDT",), interval="12h", state_dir=folder, signal={"model": "btcusdt_12h_linear"},
        gateway={"mode": "testnet", "venue": "fake", "fake_url": "http://127.0.0.1:9", "account": "main",
                 "markets": {"BTCUSDT": "BTC/USDT:USDT"}},
    )  # fmt: skip


async def opened(settings: Settings) -> Journal:
    return await Journal.open(settings.journal_url, settings.gateway.account, durable=False)


@pytest.mark.parametrize("name", list(ACTS))
async def test_on_paper_nothing_is_done_and_it_says_why(name: str) -> None:
    acts = PageActs(load_settings())
    status, answer = await acts.do(name, name)
    assert (status, answer["done"]) == (409, False)
    shown = acts.shown()[name]
    assert not shown["enabled"]
    assert "on paper" in shown["why_not"]


@pytest.mark.parametrize("name", list(ACTS))
async def test_another_word_does_nothing(tmp_path: Path, name: str) -> None:
    settings = account(tmp_path)
    async with await opened(settings) as journal:
        for typed in ("", "yes", f"{PageActs(settings).shown()[name]['confirm']}x"):
            assert (await PageActs(settings).do(name, typed))[0] == 400
        assert await journal.events(10) == []
        assert (await journal.epoch()).epoch == 0


async def test_a_halt_fences_the_gateway_and_is_noted(tmp_path: Path) -> None:
    settings = account(tmp_path)
    async with await opened(settings) as journal:
        epoch = await journal.raise_epoch("gateway")
        status, answer = await PageActs(settings).do("halt", "halt")
        assert (status, answer["done"]) == (200, True)
        assert (await journal.latches())[HALT].by == BY
        assert (await journal.epoch()).epoch > epoch
        assert [(event.kind, event.text) for event in await journal.events(10)] == [("HALT", f"by {BY}")]


async def test_reduce_only_and_disarm_fence_the_gateway_and_are_noted(tmp_path: Path) -> None:
    settings = account(tmp_path)
    now_ms = time.time_ns() // 1_000_000
    async with await opened(settings) as journal:
        await journal.write_by_person([ArmingRow(Decimal(5), now_ms, now_ms + 10_000, "hash", "ann", "by")])
        epoch = await journal.raise_epoch("gateway")
        assert (await PageActs(settings).do("reduce-only", "reduce-only"))[1]["done"]
        assert list(await journal.latches()) == [REDUCE_ONLY]
        assert (await PageActs(settings).do("disarm", " disarm "))[1]["done"]
        assert await journal.arming() is None
        assert (await journal.epoch()).epoch == epoch + 2
        assert [event.kind for event in await journal.events(10)] == [REDUCE_ONLY, "DISARMED"]


async def test_without_a_journal_the_command_is_told(tmp_path: Path) -> None:
    status, answer = await PageActs(account(tmp_path)).do("halt", "halt")
    assert (status, answer["done"], answer["command"]) == (503, False, "tickline halt")
    assert not any(name.startswith("journal") for name in os.listdir(tmp_path))


async def test_what_no_gateway_begins_is_taken_back_and_the_command_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "BEGUN_MS", 100)
    settings = account(tmp_path)
    async with await opened(settings) as journal:
        epoch = await journal.raise_epoch("gateway")
        _, answer = await PageActs(settings).do("flatten", "main")
        assert (answer["done"], answer["command"]) == (False, "tickline halt --flatten")
        assert "no gateway is at work" in answer["sentence"]
        assert (await journal.epoch()).epoch == epoch + 1
        assert await journal.requests(0) == []


async def test_beside_a_halt_at_work_none_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two at once each would close what it sees: on spot the second sells somebody's savings."""
    monkeypatch.setattr(requests, "BEGUN_MS", 100)
    settings = account(tmp_path)
    async with await opened(settings) as journal:
        epoch = await halt(journal, "ann", 1, at_work=True)
        _, answer = await PageActs(settings).do("flatten", "main")
        assert answer["sentence"].startswith("Not begun: a halt by ann is at work on main. Should that not end, ")
        assert (answer["done"], answer["command"]) == (False, "tickline halt --flatten")
        assert (await journal.epoch()).epoch == epoch


def test_nothing_arms() -> None:
    assert ACTS.keys() == {"halt", "disarm", "reduce-only", "cancel-all", "flatten"}
