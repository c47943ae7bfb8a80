"""What was done before a stop is not done again, and changes no bit; what decides otherwise is another task."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.research.sweep import Kept, Pool, SweepSpec, job, sweep
from services.research.sweep.fold import Task, Traded, trade
from services.research.sweep.grid import Axis
from shared import version
from shared.errors import ConfigError
from tests.unit.research.sweep.made import WAYS, bits, settings_of, task_of, written

SPEC = SweepSpec(grid=tuple(map(Axis.told, ("lags=1,2", "threshold=0,0.002"))), folds=2)


class Stopped(Exception):
    """A person stops the sweep."""


def test_a_sweep_that_was_stopped_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, kept, done = settings_of(written(tmp_path)), Kept(tmp_path / "kept"), []

    def stops_at(count: int) -> Callable[[Task], list[Traded]]:
        def counted(task: Task) -> list[Traded]:
            if len(done) == count:
                raise Stopped
            done.append(task.name)
            return trade(task)

        return counted

    monkeypatch.setattr(job, "trade", stops_at(3))
    with pytest.raises(Stopped):
        sweep(settings, SPEC, Pool(jobs=1), kept=kept)
    assert len(done) == len(list((tmp_path / "kept").glob("*.npz"))) == 3
    said: list[tuple[str, int, int]] = []
    monkeypatch.setattr(job, "trade", stops_at(9))
    resumed = sweep(settings, SPEC, Pool(jobs=1), lambda *told: said.append(told), Kept(tmp_path / "kept"))
    assert len(done) == len(set(done)) == 4
    assert [told for told in said if told[0] == "walk-forward"] == [("walk-forward", 3, 4), ("walk-forward", 4, 4)]
    monkeypatch.undo()
    assert resumed == sweep(settings, SPEC, Pool(jobs=1))


def test_what_is_kept_has_every_bit_and_a_broken_file_is_none(tmp_path: Path) -> None:
    task, kept = task_of(written(tmp_path)), Kept(tmp_path / "kept")
    found = trade(task)
    assert kept.find(task) is None
    kept.add(task, found)
    again = Kept(tmp_path / "kept").find(task_of(written(tmp_path)))
    assert again is not None and bits(again) == bits(found)
    (path,) = (tmp_path / "kept").iterdir()
    whole = path.read_bytes()
    for broken in (b"", whole[:99], whole[:-9], whole.replace(b"growth", b"growXX")):
        path.write_bytes(broken)
        assert kept.find(task) is None


CHANGES: dict[str, Callable[[Task], dict[str, Any]]] = {
    "settings": lambda task: {"settings": task.settings.model_copy(update={"interval": "2h"})},
    "bars": lambda task: {"bars": replace(task.bars, text=task.bars.text[::-1])},
    "span": lambda task: {"span": task.span._replace(end_ns=task.span.end_ns - 1)},
    "learner": lambda task: {"learner": task.learner and task.learner._replace(window=2)},
    "tradings": lambda task: {"tradings": WAYS[::-1]},
    "edges": lambda task: {"edges": task.edges[:-1]},
    "needs": lambda task: {"needs": frozenset(["bar"])},
    "purge": lambda task: {"purge": True},
    "embargo": lambda task: {"embargo": 1},
    "exact": lambda task: {"exact": True},
}


@pytest.mark.parametrize("field", [*Task._fields[1:7], *Task._fields[8:]])
def test_what_decides_otherwise_is_not_found(tmp_path: Path, field: str) -> None:
    task, kept = task_of(written(tmp_path)), Kept(tmp_path / "kept")
    kept.add(task, trade(task))
    assert kept.find(task._replace(**CHANGES[field](task))) is None
    assert kept.find(task._replace(name="another")) is not None


def test_what_another_revision_gave_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may trade otherwise, though the version is the same."""
    task, kept = task_of(written(tmp_path)), Kept(tmp_path / "kept")
    kept.add(task, trade(task))
    monkeypatch.setattr(version, "revision", lambda: "0123456789ab")
    assert kept.find(task) is None


def test_a_folder_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"^--resume .*file: cannot be written: File exists: name another folder$"):
        Kept(tmp_path / "file")
