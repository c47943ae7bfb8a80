"""An error of a strategy's, a feature's or a model's author names file, line and symbol of the author's own code."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from shared.errors import TicklineError, UserCodeFailed
from shared.user_code.sources import LIBRARIES, OURS

ROOT = Path(__file__).parents[2]
_AUTHORS = tuple(str(ROOT / "shared" / name) + "/" for name in ("strategies", "features", "models"))
# These lie in the authors' folders, but are no author's code.
_MACHINERY = frozenset(
    {
        "__init__.py",
        "add_model.py",
        "after_stop.py",
        "batches.py",
        "card.py",
        "check_model.py",
        "card_of_hash.py",
        "choose.py",
        "code.py",
        "contract.py",
        "dataset.py",
        "decider.py",
        "drift.py",
        "exit.py",
        "feature.py",
        "identity.py",
        "load_model.py",
        "model.py",
        "model_files.py",
        "model_input.py",
        "onnx_file.py",
        "onnx_model.py",
        "registry.py",
        "rounding.py",
        "runtime.py",
        "save_model.py",
        "saving.py",
        "scores.py",
        "spec.py",
        "standardised.py",
        "stateful.py",
        "strategy.py",
        "summary.py",
        "torch_model.py",
        "training.py",
        "vector.py",
        "wrapper.py",
    }
)
_offered: set[str] = set()  # folders of packages whose strategies, features and models are used


class Place(NamedTuple):
    """A place is a line of a file, and the function around it."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        path = Path(self.file)
        shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        return f"{shown}:{self.line}, in {self.function}"


class WrongDecision(TypeError):
    """`decide` returned no decision; `place` is where its code begins."""

    def __init__(self, message: str, place: Place) -> None:
        super().__init__(message)
        self.place = place


def also_authors(folders: Iterable[str]) -> None:
    """Counts what lies in these folders as authors' code, though it is installed as a package."""
    _offered.update(f"{folder}/" for folder in folders)


def place_of(error: BaseException) -> Place | None:
    """Returns the innermost line of an author's code through which the exception went, or None."""
    if isinstance(error, WrongDecision):
        return error.place
    found = [place for place in _places(error.__traceback__) if _is_authors(place.file)]
    if isinstance(error, SyntaxError) and error.filename and error.lineno and _is_authors(error.filename):
        return Place(error.filename, error.lineno, "<module>")
    outside = [place for place in found if not place.file.startswith(OURS)]
    return (outside or found)[-1] if found else None


def user_code_failed(error: BaseException, sym: str) -> UserCodeFailed | None:
    """Returns the error of one line for it, or None where no author's code was at work."""
    place = place_of(error)
    return None if place is None else UserCodeFailed(described(error, sym))


def described(error: BaseException, about: str) -> str:
    """Returns what the error is about, the exception, and its place in an author's code, if any."""
    what, place = f"{type(error).__name__}: {error}", place_of(error)
    return f"{about}: {what}" if place is None else f"{about}: {what} ({place})"


@contextmanager
def blaming(sym: str) -> Iterator[None]:
    """Turns what an author's code raises within into UserCodeFailed; lets everything else through."""
    try:
        yield
    except TicklineError:
        raise
    except Exception as error:
        failed = user_code_failed(error, sym)
        if failed is None:
            raise
        raise failed from error


def _places(at: TracebackType | None) -> Iterator[Place]:
    while at is not None:
        code = at.tb_frame.f_code
        yield Place(code.co_filename, at.tb_lineno, code.co_name)
        at = at.tb_next


def _is_authors(file: str) -> bool:
    if file.startswith(tuple(_offered)):
        return True
    if file.startswith(("<", *LIBRARIES)) or file == sys.argv[0]:
        return False
    if file.startswith(_AUTHORS):
        return Path(file).name not in _MACHINERY
    return not file.startswith(OURS)
