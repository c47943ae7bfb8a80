"""Each example runs as its first lines say, in a folder outside the repository, beside files of bad names."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.e2e.command import Tickline, run_script
from tests.e2e.reverting_market import write_market

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOK = EXAMPLES / "quickstart.py"
FILES = sorted(path for path in EXAMPLES.glob("*.py") if path != NOTEBOOK)
pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def commands_of(example: Path) -> list[str]:
    """What its docstring says to type."""
    return re.findall(r"^    ((?:python|tickline) .*)$", example.read_text(), flags=re.MULTILINE)


def test_each_is_short_and_imports_only_tickline_of_ours() -> None:
    assert len(FILES) == 4
    for example in FILES:
        text = example.read_text()
        assert len(text.splitlines()) <= 60, example
        assert re.search(r"^from tickline import", text, flags=re.MULTILINE)
        assert not re.search(r"^\s*(from|import) (shared|services)\b", text, flags=re.MULTILINE)


@pytest.mark.parametrize("example", FILES, ids=lambda path: path.stem)
def test_its_commands_trade_the_same_in_the_line_as_in_the_backtest(example: Path, tickline: Tickline) -> None:
    shutil.copy(example, tickline.folder)
    write_market(tickline.folder / "bars.csv", 240)
    commands = commands_of(example)
    assert [command.split()[1] for command in commands][-2:] == ["backtest", "run"]
    for command in commands:
        program, *words = shlex.split(command)
        if program == "python":
            run_script(tickline.folder, words)
            continue
        done = (tickline if words[0] == "run" else tickline.in_process)(*words)
        assert done.code == 0, done
    compared = re.search(r"parity: (\d+) of (\d+) orders identical", done.out)
    assert compared is not None, done
    assert compared[1] == compared[2]
    assert int(compared[1]) >= 10
