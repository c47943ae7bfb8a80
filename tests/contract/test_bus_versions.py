"""Bus and recording of other versions: all are read, and an older Tickline goes on until the wire is raised."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple, cast

import pytest
from structlog.testing import capture_logs

from services.ingestor.live.stage import LiveStage
from services.ingestor.replay import recorded_ticks
from services.research.parity.recording import parity
from services.strategy.live_stage import LIMITS_SINCE, LiveStrategyStage
from shared.bus.api import Bus, Session
from shared.bus.embedded import EmbeddedBus
from shared.bus.entry import START, Entry
from shared.errors import DataError, SafetyRefusal
from shared.messages import ExecutionReport, MarketTick, Stream, decode
from shared.messages.codec import unpack
from shared.messages.reasons import Reason, reason_at
from shared.record import FIRST, WIRE, Record
from shared.recording.layout import NewerRecording
from shared.runner.service import check_bus
from shared.runner.symbol import FIELD as SNAPSHOT
from shared.runner.symbol import Symbol, position_in
from tests.fixtures.bus.line import FOREVER_S, PLANS, SETTINGS, WRITERS, A, B, bus_at, found, place, working
from tests.fixtures.bus.make import dump, in_memory, load, recording, told_at
from tests.next_version import FIELD, NEXT_WIRE, ROOT, TEXT, make_next, run_next
from tests.until import until

WIRES = range(FIRST, WIRE + 1)
ANSWERED = 4  # from this wire on each tick has a prediction


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """An empty server."""
    with EmbeddedBus(tmp_path, append_only=False) as server:
        yield server.url


@pytest.fixture
async def session(url: str) -> AsyncIterator[Session]:
    """Of that server."""
    connected = await bus_at(url).connect()
    yield connected
    await connected.close()


Said = tuple[bytes, str, int, bytes, str, bytes]  # an entry's t, k, n, h, tr, d


class Held(NamedTuple):
    """What decides on a bus. entries: without id and time of writing. states: without cursors, leases and counts."""

    entries: dict[Stream, list[Said]]
    states: dict[str, dict[str, object]]


async def held(session: Session) -> Held:
    entries: dict[Stream, list[Said]] = {
        stream: [(x.t, x.k, x.n, x.h, x.tr, x.d) for x in await read(session, stream)] for stream in WRITERS
    }
    states: dict[str, dict[str, object]] = {}
    for plan in PLANS:
        (stored,) = await session.load([place(plan.instance)])
        positions = {name: position_in(value) for name, value in stored.fields.items() if name.startswith("in:")}
        states[plan.instance] = {**stored.fields, **positions}
    return Held(entries, states)


async def read(session: Session, stream: Stream) -> list[Entry]:
    batches = await session.read({(stream, place(WRITERS[stream])): START}, 10_000, 0)
    return batches[0][1] if batches else []


WITHOUT_LIMITS = {Stream.DECISIONS, Stream.ORDERS, Stream.EXECUTIONS}


@cache
def later_fields(kind: type[Record] = Record) -> set[str]:
    """The names of all fields that came after the first wire, the next version's among them."""
    later = getattr(kind, "LATER", {})
    return {FIELD, *later, *(name for each in kind.__subclasses__() for name in later_fields(each))}


def said(entries: list[Said]) -> list[tuple[object, ...]]:
    """What they say, whatever the wire: without the fields that came later, which an older wire does not carry."""
    texts: list[tuple[object, ...]] = []
    for t, k, n, _, tr, d in entries:
        kind = t.partition(b"/")[0]
        texts.append((kind, k, n, tr, None if kind in (b"Dead", b"Foreign") else known(unpack(d))))
    return texts


def known(value: object) -> object:
    """Without the fields that came later, also in the records in it, and with reasons that the first wire knew."""
    if isinstance(value, dict):
        kept = {name: known(each) for name, each in value.items() if name not in later_fields()}
        return {**kept, "reason": reason_at(FIRST, Reason(kept["reason"]))} if kept.get("reason") else kept
    return value


@pytest.mark.parametrize("where", ["memory", "valkey"])
@pytest.mark.parametrize("wire", WIRES)
async def test_what_any_version_wrote_is_read(wire: int, where: str, request: pytest.FixtureRequest) -> None:
    told = told_at(wire)
    bus: Bus = in_memory(told)
    if where == "valkey":
        url: str = request.getfixturevalue("url")
        load(url, told)
        assert dump(url) == told
        bus = bus_at(url)
    session = await bus.connect()
    symbols = {}
    for plan in PLANS:
        (stored,) = await session.load([place(plan.instance)])
        for sym in (A, B):
            symbols[plan.instance, sym] = Symbol(sym, plan.make_stage(sym))
            symbols[plan.instance, sym].restore(stored.fields[SNAPSHOT + sym])
    for stream in WRITERS:
        entries = [x for x in await read(session, stream) if not x.t.startswith((b"Dead/", b"Foreign/"))]
        for entry in entries:
            message = decode(entry.t, entry.d)
            assert (message.sym, message.n, message.tr, message.to) == (entry.k, entry.n, entry.tr, stream)
        assert {entry.k for entry in entries} == (set() if stream is Stream.DEAD else {A, B})
    assert await session.wire() == wire
    heard = symbols["ingestor", A].stage
    assert isinstance(heard, LiveStage)
    assert heard.made == {"ticks": 9}
    assert [(asked.no, asked.from_id, asked.to_id) for asked in heard.questions] == [(5, 21, 21)]
    works, stopped = symbols["strategy", A], symbols["strategy", B]
    assert isinstance(works.stage, LiveStrategyStage)
    assert (len(works.stage.in_flight), works.stage.last_tick_n, works.stopped) == (
        2, 7 if wire < ANSWERED else 9, "",
    )  # fmt: skip
    assert works.stage._waiting is not None
    assert works.stage._waiting.tick_n == 9
    assert stopped.stopped.startswith("divergence: executions n=1")
    (aside,) = stopped.quarantined
    assert isinstance(decode(aside.t, aside.d), ExecutionReport)
    assert stopped.aside == {Stream.EXECUTIONS: 2, Stream.PREDICTIONS: 6 if wire < ANSWERED else 9}
    await session.close()


@pytest.mark.long
@pytest.mark.parametrize("wire", WIRES)
async def test_up_down_up_again_and_raised(wire: int, url: str, session: Session, tmp_path: Path) -> None:
    """Four turns, of which the next version takes all but the second, beside a line that stays what it is.

    Only what adds within a limit is sent from then on, if the wire was one that has no word for it.
    """
    told, next_version = told_at(wire), make_next(tmp_path / "next")
    (next_version / "weights").symlink_to(ROOT / "weights")
    ours, other = (shutil.copytree(recording(wire), tmp_path / name) for name in ("ours", "other"))
    alone = in_memory(told)
    undisturbed, proofs = [await held(await alone.connect())], [proof_of(other)]
    for _ in range(4):
        async with working(alone, other) as line:
            await line.turn()
        undisturbed.append(await held(await alone.connect()))
        proofs.append(proof_of(other))
    load(url, told)

    async def by_the_next(*raise_after_s: str) -> dict[str, object]:
        module = "tests.fixtures.bus.line"
        said = await asyncio.to_thread(run_next, next_version, "-m", module, url, ours, *raise_after_s)
        return cast(dict[str, object], json.loads(said.splitlines()[-1]))

    proof = await by_the_next(str(FOREVER_S))
    assert await session.wire() == wire
    assert await held(session) == undisturbed[1], "bit for bit what this version would have written"
    assert proof == proof_of(ours) == proofs[1]
    async with working(bus_at(url), ours) as line:
        await line.turn()
    assert await held(session) == undisturbed[2]
    assert proof_of(ours) == proofs[2]
    proof = await by_the_next(str(FOREVER_S), "0")
    assert await session.wire() == NEXT_WIRE
    raised = await held(session)
    held_back = WITHOUT_LIMITS if wire < LIMITS_SINCE else set[Stream]()
    for stream, entries in undisturbed[4].entries.items():
        same = len(undisturbed[3].entries[stream]) if stream in held_back else None
        assert said(raised.entries[stream])[:same] == said(entries)[:same]
    unanswered = {Stream.EXECUTIONS} if held_back else set[Stream]()  # no order was in flight before
    assert marked(raised, undisturbed[3]) | unanswered == set(WRITERS) - {Stream.DEAD}
    assert proof == proofs[4] or (held_back and proof["first_difference"] == proofs[4]["first_difference"])
    if wire >= ANSWERED:
        with pytest.raises(NewerRecording, match=f"newer Tickline .wire {NEXT_WIRE}; this one knows {WIRE}"):
            parity(ours)
    await refused(url, ours)
    assert await held(session) == raised


@pytest.mark.parametrize("wire", WIRES)
def test_a_recording_of_any_version_is_replayed(wire: int) -> None:
    for sym in (A, B):
        ticks = list(recorded_ticks(recording(wire), sym, 0))
        assert [tick.n for tick in ticks] == list(range(1, 10))
        assert all(isinstance(tick, MarketTick) for tick in ticks)


@pytest.mark.parametrize("wire", range(ANSWERED, WIRE + 1))
def test_a_recording_is_proved(wire: int) -> None:
    seen = parity(recording(wire))
    assert seen.proved
    equal = {stream: n + seen.near.get(stream, 0) for stream, n in seen.identical.items()}
    assert equal == {Stream.FEATURES: 12, Stream.PREDICTIONS: 18, Stream.DECISIONS: 22, Stream.ORDERS: 8}
    assert bool(seen.near) <= bool(seen.other_runtime)


def test_a_recording_of_when_not_each_tick_had_a_prediction_is_refused_in_one_line() -> None:
    with pytest.raises(DataError, match=r"was recorded at wire 3, when not each tick had a prediction: [^\n]*$"):
        parity(recording(3))


def proof_of(folder: Path) -> dict[str, object]:
    """What a turn of the line tells in the end."""
    made: dict[str, object] = json.loads(json.dumps(found(folder)))
    return made


def marked(raised: Held, before: Held) -> set[Stream]:
    """The streams where what came later says what only the next version knows; all of it has that one's wire."""
    streams = set()
    for stream, entries in raised.entries.items():
        for t, _, _, _, _, d in entries[len(before.entries[stream]) :]:
            assert t.endswith(b"/%d" % NEXT_WIRE)
            if unpack(d).get(FIELD) == TEXT:
                streams.add(stream)
    return streams


async def refused(url: str, folder: Path) -> None:
    """This version does not begin on that bus; and where it runs already, it stands by, its recorder too."""
    with pytest.raises(SafetyRefusal, match=f"has wire {NEXT_WIRE}, and this Tickline knows {WIRE}: .* no way back"):
        await check_bus(bus_at(url), SETTINGS)
    assert SafetyRefusal.exit_code == 5
    instances = {"recorder", *(plan.instance for plan in PLANS)}
    with capture_logs() as logs:
        async with working(bus_at(url), folder):
            await until(lambda: {log["instance"] for log in logs if log["event"] == "stands by"} >= instances)
