"""A folder keeps what the tasks of a sweep gave, so that a sweep that was stopped goes on where it was."""

import hashlib
import io
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from services.research.metrics.equity_curve import Moments
from services.research.sweep.data import BarSeries
from services.research.sweep.fold import Task
from services.research.sweep.traded import Traded
from shared.errors import ConfigError
from shared.models.choose import chosen_card
from shared.models.runtime import Runtime
from shared.version import full_version

_FORM = b"2"  # of the files, and of what a task gives; raised when one of them changes


class Kept:
    """A file a task, named by all that decides what the task gives; nothing else of a sweep is kept.

    A file that cannot be read counts as none. Raises ConfigError, which names `--resume`, where nothing can be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bars: dict[int, tuple[BarSeries, bytes]] = {}  # by id, with what has it
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._refusal(error) from error

    def find(self, task: Task) -> list[Traded] | None:
        """Returns what the task gave, to the last bit; None where that is not known."""
        try:
            data = self._path(task).read_bytes()
            found = unpacked(data)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        return found if len(found) == len(task.tradings) else None

    def add(self, task: Task, found: Sequence[Traded]) -> None:
        """Keeps what the task gave."""
        path = self._path(task)
        part = path.with_suffix(".part")
        try:
            part.write_bytes(packed(found))
            part.replace(path)
        except OSError as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise self._refusal(error) from error

    def _path(self, task: Task) -> Path:
        return self._folder / f"{self._digest(task)}.npz"

    def _digest(self, task: Task) -> str:
        digest = hashlib.sha256(_FORM)
        for part in (*_decides(task), self._of_bars(task.bars)):
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()[:32]

    def _of_bars(self, bars: BarSeries) -> bytes:
        """Returns a digest of the bars, which many tasks share."""
        if id(bars) not in self._bars:
            digest = hashlib.sha256(bars.interval.encode())
            for name, values in (("ts", bars.ts), ("text", bars.text), *sorted((bars.columns or {}).items())):
                digest.update(f"{name} {values.dtype} {len(values)} ".encode() + values.tobytes())
            self._bars[id(bars)] = (bars, digest.digest())
        return self._bars[id(bars)][1]

    def _refusal(self, error: OSError) -> ConfigError:
        return ConfigError(f"--resume {self._folder}: cannot be written: {error.strerror}: name another folder")


def _decides(task: Task) -> Iterator[bytes]:
    """Yields what decides beside the bars: settings, model, ways to trade, time, and what computes."""
    yield task.settings.model_dump_json().encode()
    yield repr((task.span, task.needs and sorted(task.needs), task.purge, task.embargo, task.exact)).encode()
    if task.learner is None:
        card = chosen_card(task.settings)
        yield b"" if card is None else card.model_dump_json().encode()
    else:
        features, fit, window, _ = task.learner
        yield repr((features, window)).encode() + fit.model_dump_json().encode()
    yield repr([trading.chosen for trading in task.tradings]).encode()
    yield task.edges.tobytes()
    yield repr(task.code.packed).encode()
    yield f"tickline {full_version()}, {Runtime.here('torch').text}".encode()


def packed(found: Sequence[Traded]) -> bytes:
    """Returns tradings as the bytes of an .npz file, without any object in it."""
    file = io.BytesIO()
    np.savez(
        file,
        moments=np.array([each.moments.numbers() for each in found]),
        growth=np.array([each.growth for each in found]),
        counts=np.array([(each.fills, each.ruined, each.first, len(each.blocks)) for each in found], np.int64),
        blocks=np.concatenate([each.blocks for each in found]),
        exact=np.array([each.exact for each in found], np.str_),
    )
    return file.getvalue()


def unpacked(data: bytes) -> list[Traded]:
    """Returns the tradings of `packed`; raises what numpy and zipfile raise for other bytes."""
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        names = ("moments", "growth", "counts", "blocks", "exact")
        moments, growth, counts, blocks, exact = (file[name] for name in names)
    parts = np.split(blocks, np.cumsum(counts[:, 3])[:-1])
    return [
        Traded(Moments.of(numbers), grown, fills, bool(ruined), first, part, why)
        for numbers, grown, (fills, ruined, first, _), part, why in zip(
            moments.tolist(), growth.tolist(), counts.tolist(), parts, exact.tolist(), strict=True
        )
    ]
