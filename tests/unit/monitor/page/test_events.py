"""What the page's stream tells a browser, and when."""

import asyncio
from collections import Counter
from contextlib import aclosing
from contextvars import ContextVar
from math import nan
from pathlib import Path
from typing import Any

import pytest

from services.monitor.page import view
from services.monitor.page.reader import PageReader
from shared.bus.memory_bus import MemorySession
from shared.explain.decisions import Decided
from shared.messages import Prediction
from tests.unit.monitor.page.site import serving, settings_at
from tests.unit.monitor.session import SYMBOLS, bars
from tests.until import until


async def test_a_view_comes_with_a_commit_and_none_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It puts what is new into words, and no decision twice."""
    in_words: list[str] = []
    of = view.decision_line

    def counted(case: Decided) -> str:
        in_words.append(case.decision.tr)
        return of(case)

    monkeypatch.setattr(view, "decision_line", counted)
    async with serving(settings_at(tmp_path), bars(1, 3, 0.01)) as site:
        await site.browser.sign_in(site.file.code)
        stream = site.browser.events()
        revisions, beats = [], 0
        async for event in stream:
            if event.name == "beat":
                beats += 1
            else:
                revisions.append(event.data["revision"])
                beats = 0
                shown = event.data
            if revisions and beats == 3:
                break
        known = [(one["symbol"], one["ms"]) for one in shown["decisions"]]
        assert len(known) == 3 * len(SYMBOLS)
        await site.line.write(bars(4, 4, 0.01))
        async for event in stream:
            if event.name == "view" and len(event.data["decisions"]) == 4 * len(SYMBOLS):
                break
        assert event.data["revision"] > revisions[-1]
        assert event.data["mode"] == "paper"
        assert "goes by" in event.data["decisions"][0]["sentence"]
        assert len(in_words) == len(set(in_words)) == 4 * len(SYMBOLS)
        await stream.aclose()


async def test_while_nobody_looks_nobody_follows_the_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads, look = 0, asyncio.Event()
    read, find = MemorySession.read, PageReader._look

    async def counted(self: MemorySession, *given: Any) -> Any:
        nonlocal reads
        reads += given[-1] > 0  # it waits for what comes
        return await read(self, *given)

    async def told(self: PageReader, *given: Any) -> None:
        await find(self, *given)
        look.set()

    monkeypatch.setattr(MemorySession, "read", counted)
    monkeypatch.setattr(PageReader, "_look", told)
    async with serving(settings_at(tmp_path), bars(1, 3, 0.01)) as site:
        await site.browser.sign_in(site.file.code)
        await look.wait()
        assert reads == 0
        async with aclosing(site.browser.events()) as stream:
            async for event in stream:
                if event.name == "view" and event.data["decisions"]:
                    break
        await until(lambda: reads > 0)


async def test_a_look_reads_what_is_new_in_one_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a view of a fast line comes seldom, and each look costs the bus, and each order, much."""
    looks: list[Counter[str]] = []
    find, looking = PageReader._look, ContextVar("looking", default=False)

    def count(name: str) -> None:
        of = getattr(MemorySession, name)

        async def counted(*given: Any) -> Any:
            if looking.get():
                looks[-1][name] += 1
            return await of(*given)

        monkeypatch.setattr(MemorySession, name, counted)

    async def told(self: PageReader, *given: Any) -> None:
        looks.append(Counter())
        token = looking.set(True)
        await find(self, *given)
        looking.reset(token)

    for name in ("newest", "read"):
        count(name)
    monkeypatch.setattr(PageReader, "_look", told)
    async with serving(settings_at(tmp_path), bars(1, 3, 0.01)) as site:
        await site.browser.sign_in(site.file.code)
        async with aclosing(site.browser.events()) as stream:
            async for event in stream:
                if event.name == "view" and len(event.data["decisions"]) == 3 * len(SYMBOLS):
                    break
            before = len(looks)
            await site.line.write(bars(4, 4, 0.01))
            async for event in stream:
                if event.name == "view" and len(event.data["decisions"]) == 4 * len(SYMBOLS):
                    break
    assert looks[before:]
    assert not any(looks[before:]), "all was asked for when its moment began"


async def test_no_page_is_made_of_data(tmp_path: Path) -> None:
    """A hostile name comes as JSON in a stream, and nowhere else."""
    hostile = "<script>alert(1)</script>"
    settings = settings_at(tmp_path, symbols=(hostile,))
    async with serving(settings) as site:
        await site.browser.sign_in(site.file.code)
        for path in ("/", "/login", f"/api/symbol/{hostile}", f"/api/trace/{hostile}"):
            answer = await site.browser.get(path)
            if answer.content_type == "text/html":
                assert hostile not in await answer.text()
            else:
                assert answer.content_type == "application/json"
        async with aclosing(site.browser.events()) as stream:
            async for event in stream:
                if event.name == "view":
                    break
        assert event.data["positions"][0]["symbol"] == hostile


async def test_a_model_that_gives_no_number_hides_no_price(tmp_path: Path) -> None:
    wrong = (
        one.model_copy(update={"y_hat": nan}) if isinstance(one, Prediction) and one.n == 2 else one
        for one in bars(1, 3, 0.01)
    )
    async with serving(settings_at(tmp_path), wrong) as site:
        await site.browser.sign_in(site.file.code)
        answer = await site.browser.get(f"/api/symbol/{SYMBOLS[0]}")
        assert answer.status == 200
        assert [y_hat for *_, y_hat in (await answer.json())["points"]] == [0.01, None, 0.01]
