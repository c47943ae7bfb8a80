"""Record a run, replay the recording, compute it again; and a difference that was planted is found."""

import re
import shutil
from pathlib import Path

import pytest

from shared.messages import Prediction, Stream, decode, encode
from shared.recording.layout import checkpoint_paths
from shared.recording.part import read_rows
from tests.altered_recording import Row, alter, the_row
from tests.e2e.command import Command, Tickline

# The first `parity` is a process of its own; the others are called here, which saves each the start of PyTorch.
pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

RUN = ("run", "--rate", "0", "--sym", "SIM-A", "--sym", "SIM-B")
# Without a model nothing loads PyTorch.
BY_RULE = ("--model", "none", "--strategy", "moving_average_cross", "--param", "fast=2", "--param", "slow=5")


def test_a_run_its_recording_and_everything_again(tickline: Tickline, command: Command, tmp_path: Path) -> None:
    """The recording begins amid the line's life; the second run goes on with it, under another strategy."""
    recording = tmp_path / "recording"
    assert tickline.in_process(*RUN, "--limit", "60").code == 0
    first = tickline(*RUN, "--limit", "150", "--record", recording)
    assert first.code == 0, first.err
    assert tickline.left() == {}
    shown = tickline("parity", recording)
    assert shown.code == 0, shown.err
    # Of 2 symbols: the line stopped at tick 60 before the recording, whose streams still held all but old orders.
    assert "parity: 180 of 180 predictions identical" in shown.out
    assert "parity: 180 of 180 decisions identical" in shown.out

    second = tickline.in_process(*RUN, "--limit", "200", "--strategy", "threshold", "--param", "threshold=0.0005",
                      "--record", recording)  # fmt: skip
    assert second.code == 0, second.err
    shown = command("parity", recording)
    assert shown.code == 0, shown.err
    assert "parity: 280 of 280 decisions identical" in shown.out
    assert "not compared" not in shown.out

    ticks = [row.n for row in read_rows(recording, Stream.TICKS, "ingestor", ["SIM-A"])]
    assert ticks == list(range(1, 201))
    refused = command("run", "--data", recording, "--record", recording)
    assert refused.code == 2
    assert "name another folder" in refused.err


def test_without_a_word_a_run_is_recorded_below_the_state_folder(tickline: Tickline, command: Command) -> None:
    tickline.records = True
    done = tickline.in_process(*RUN, *BY_RULE, "--limit", "40")
    assert (done.code, done.summary["restarts"]) == (0, 0), done.err
    (folder,) = (tickline.folder / "recording").iterdir()
    assert re.fullmatch("tickline-[0-9a-f]{8}", folder.name)
    shown = command("parity", folder)
    assert (shown.code, "parity: 80 of 80 decisions identical" in shown.out) == (0, True), shown.err

    assert tickline.in_process(*RUN, *BY_RULE, "--limit", "50", "--no-record").code == 0
    assert [row.n for row in read_rows(folder, Stream.TICKS, "ingestor", ["SIM-A"])] == list(range(1, 41))


def test_a_replay_gives_the_same_orders_and_a_planted_difference_is_found(
    tickline: Tickline, command: Command, tmp_path: Path
) -> None:
    recording, again = tmp_path / "recording", tmp_path / "again"
    first = tickline.in_process(*RUN, "--limit", "120", "--record", recording)
    second = tickline.in_process("run", "--data", recording, "--record", again)
    assert (first.code, second.code) == (0, 0), second.err
    same = ("ticks", "predictions", "orders", "final_equity", "fees", "parity")
    assert {name: second.summary[name] for name in same} == {name: first.summary[name] for name in same}
    for stream, instance in ((Stream.TICKS, "ingestor"), (Stream.PREDICTIONS, "signal")):
        rows = [[(row.k, row.n, row.tr, row.d) for row in read_rows(f, stream, instance)] for f in (recording, again)]
        assert sorted(rows[0]) == sorted(rows[1])
        assert len(rows[0]) == 240
    assert command("parity", again).code == 0
    a_difference_is_found_and_named(recording, command, tmp_path)


def a_difference_is_found_and_named(recording: Path, command: Command, tmp_path: Path) -> None:
    def prediction(rows: list[Row]) -> None:
        row = the_row(rows, "SIM-B", 20)
        assert isinstance(row["d"], bytes)
        row["d"] = encode(decode(Prediction.TAG, row["d"]).model_copy(update={"y_hat": 0.5}))

    altered = tmp_path / "altered"
    shutil.copytree(recording, altered)
    alter(altered, Stream.PREDICTIONS, prediction)
    shown = command("parity", altered)
    assert shown.code == 6
    assert "parity: 239 of 240 predictions identical" in shown.out
    (line,) = shown.err.splitlines()
    assert "first difference: SIM-B predictions n=20: recorded y_hat 0.5, computed -" in line or "computed 0." in line

    lost = tmp_path / "lost"
    shutil.copytree(recording, lost)
    alter(lost, Stream.TICKS, lambda rows: rows.remove(the_row(rows, "SIM-A", 30)))
    shown = command("parity", lost)
    assert shown.code == 6
    assert "parity: not compared: SIM-A: ticks n=30 not recorded, and no checkpoint behind that" in shown.out

    other = tmp_path / "weights"
    shutil.copytree(Path(__file__).parents[2] / "weights", other)
    shown = command("parity", recording, "--model", other / "simulated_linear.json")
    assert shown.code == 0, shown.err
    for path in checkpoint_paths(recording):
        path.unlink()
    shown = command("parity", recording)
    assert shown.code == 3
    assert "has no checkpoint" in shown.err
    assert command("parity", tmp_path).code == 3
