"""The code speaks the field's words: these names are gone, and stay so. docs/words.md has our own."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Gone -> what the code says instead.
GONE = {
    "lane": "order manager",
    "desk": "account session, execution engine",
    "pen": "fenced journal",
    "ticket": "open order",
    "clearance": "risk context",
    "keeper": "external store",
    "floor": "simulator state",
    "weather": "random faults",
    "passage": "faulty stream",
    "tape": "trade history",
    "ears": "websocket hooks",
    "complaints": "log once",
    "tally": "counters, comparison",
}
# Names on a wire or in what is stored keep theirs: file -> names.
STORED = {"services/simulator/http/admin.py": {"weather"}}


def names_in(file: Path) -> set[str]:
    """Every identifier that a file defines or uses, and its own name."""
    found = {file.stem}
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Attribute(value=ast.Name(id="math")):
                pass  # a number's floor
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case _:
                pass
    return found


def words_of(name: str) -> set[str]:
    """The words of an identifier, also without a plural's s."""
    words = {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)}
    return words | {word.removesuffix("s") for word in words}


def test_a_plural_is_its_word_too() -> None:
    assert words_of("_RiskContexts") == {"context", "contexts", "risk"}


@pytest.mark.parametrize("room", ["shared", "services"])
def test_the_words_that_are_gone_stay_gone(room: str) -> None:
    found = {
        f"{file.relative_to(ROOT)}: {name} (say {GONE[word]})"
        for file in (ROOT / room).rglob("*.py")
        for name in names_in(file) - STORED.get(str(file.relative_to(ROOT)), set())
        for word in words_of(name) & GONE.keys()
    }
    assert not found, "\n".join(sorted(found))
