"""What the verbs that read the line's streams say where the bus refuses: which bus, what happened, what to do."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.console.main import app_for
from shared.errors import BusUnreachable, DataError, TicklineError
from shared.messages import Stream
from tests.servers import free_port
from tests.unit.lookup.test_money import Hour, played
from tests.unit.lookup.world import World

REPLAY = ("--run-id", "last")


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    url = f"redis://127.0.0.1:{free_port()}/0"
    monkeypatch.setenv("TICKLINE_BUS__URL", url)
    return url


def said(*words: str) -> TicklineError:
    done = CliRunner().invoke(app_for(list(words)), list(words))
    assert isinstance(done.exception, TicklineError), (done.output, done.exception)
    return done.exception


@pytest.mark.parametrize(
    "words",
    [
        ("tail", "orders"),
        ("tail", "dead"),
        ("tail", "orders", "--follow"),
        ("tail", "orders", "--since", "2h"),
        ("tail", "orders", "--at", "2h", "--json"),
        ("tail", "orders", *REPLAY),
        ("why", "SIM-A"),
        ("why", "SIM-A", *REPLAY),
        ("trace", "abc"),
        ("trace", "sim:SIM-A:1:2"),
        ("trace", "orders:SIM-A:1"),
        ("trace", "abc", *REPLAY),
        ("report",),
        ("report", *REPLAY),
        ("status", *REPLAY),
        ("partitions",),
        ("partitions", *REPLAY),
    ],
    ids=" ".join,
)
def test_it_is_one_line_with_the_code_for_the_bus(url: str, words: tuple[str, ...]) -> None:
    error = said(*words)
    assert isinstance(error, BusUnreachable)
    assert re.search(rf"bus {url}: cannot connect: Connection refused: is it running\?", str(error))


@pytest.mark.parametrize("words", [("tail", "orders"), ("tail", "orders", "--since", "2h"), ("why", "A")], ids=" ".join)
def test_beside_a_recording_that_does_not_have_it_either_the_data_lack_it(
    url: str, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path / "recording", symbols=("A",))
    world.record(Stream.TICKS, world.write(*played([Hour(100, 0, 0)], 0).ticks))
    monkeypatch.setenv("TICKLINE_SYMBOLS", '["A"]')
    monkeypatch.setenv("TICKLINE_RECORDER__FOLDER", str(world.folder))
    error = said(*words)
    assert isinstance(error, DataError)
    assert f"bus {url}: cannot connect" in str(error)
