"""The face: what it has, what it does not load, and that no file of a user's folder hides what lies behind it."""

import ast
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import tickline

ROOT = Path(__file__).parents[2]
NOTEBOOK = (
    "Tick DequeWindow NumpyWindow TensorWindow Last LogReturn LogReturnLags LinearModel Order Position Account "
    "Strategy BasicTakerStrat"
)
NAMESAKES = ("signal.py", "types.py", "services.py", "shared/__init__.py", "shared/tick.py")
USED = "from tickline import DequeWindow, LinearModel, BasicTaker\nprint(DequeWindow(3), BasicTaker.__module__)\n"
LIGHT = "from tickline import DequeWindow, BasicTaker\nprint(DequeWindow(3), BasicTaker.__module__)\n"  # no torch
SAID = "DequeWindow(capacity=3, values=[]) shared.strategies.basic_taker"


def python(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False)


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"raise RuntimeError('{name} was imported')\n")


def test_it_has_the_notebooks_names_and_every_name_that_it_says() -> None:
    assert set(NOTEBOOK.split()) <= set(tickline.__all__)
    for name in tickline.__all__:
        assert getattr(tickline, name) is not None
    assert len(set(tickline.__all__)) == len(tickline.__all__)
    assert set(tickline.__all__) <= set(dir(tickline))


def test_editors_see_the_same_names_of_the_same_modules() -> None:
    tree = ast.parse(Path(tickline.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    shown = [
        (alias.name, alias.asname, found.module)
        for found in block.body
        if isinstance(found, ast.ImportFrom)
        for alias in found.names
    ]
    assert sorted((name, name, module) for name, module in tickline._WHERE.items()) == sorted(shown)


def test_a_name_that_it_has_not() -> None:
    with pytest.raises(AttributeError, match="tickline has no 'Nonsense'; dir"):
        _ = tickline.Nonsense
    with pytest.raises(ImportError, match="Nonsense"):
        from tickline import Nonsense  # noqa: F401


def test_the_import_loads_no_runtime_of_a_model_and_no_table() -> None:
    light = (
        "Tick, DequeWindow, LogReturn, Account, Order, Bar, Feature, BarFeature, Decider, Reason, make_feature, bars"
    )
    code = (
        f"import sys, tickline; first = set(sys.modules); from tickline import {light}\n"
        "print(*({'torch', 'polars', 'onnxruntime', 'ccxt', 'pandas', 'altair'} & set(sys.modules)), 'shared' in first)"
    )
    done = python(ROOT, "-c", code)
    assert done.stdout == "False\n", done


def test_it_runs_the_command() -> None:
    done = python(ROOT, "-m", "tickline", "--version")
    assert done.stdout.startswith("tickline "), done.stderr


def test_a_script_beside_namesakes(tmp_path: Path) -> None:
    fill(tmp_path, *NAMESAKES, "random.py", "asyncio.py")
    (tmp_path / "script.py").write_text(USED)
    done = python(tmp_path, "script.py")
    assert done.stdout.strip() == SAID, done.stderr


def test_a_script_where_python_has_not_yet_loaded_what_a_file_shadows(tmp_path: Path) -> None:
    """As in an environment whose site-packages load nothing at the start: `types` is still to come."""
    fill(tmp_path, *NAMESAKES, "enum.py", "collections.py")
    paths = [str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
    (tmp_path / "script.py").write_text(f"import sys\nassert 'types' not in sys.modules\nsys.path += {paths}\n{USED}")
    done = python(tmp_path, "-S", "script.py")
    assert done.stdout.strip() == SAID, done.stderr


def test_the_command_beside_namesakes(tmp_path: Path) -> None:
    fill(tmp_path, *NAMESAKES)
    for command in ((sys.executable, "-m", "tickline"), (Path(sys.executable).with_name("tickline"),)):
        done = subprocess.run([*command, "config", "--help"], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert "Usage: tickline config" in done.stdout, done.stderr


@pytest.mark.parametrize("command", [["-m", "pytest"], [str(Path(sys.executable).with_name("pytest"))]])
def test_pytest_beside_namesakes(tmp_path: Path, command: list[str]) -> None:
    """A signal.py ends `python -m pytest`, which puts the folder first, before any of ours is asked for."""
    fill(tmp_path, *(name for name in NAMESAKES if name != "signal.py" or command[0] != "-m"))
    (tmp_path / "test_mine.py").write_text(
        f"def test_it(capsys):\n    exec({LIGHT!r})\n    assert capsys.readouterr().out.strip() == {SAID!r}\n"
    )
    done = python(tmp_path, *command, "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "test_mine.py")
    assert "1 passed" in done.stdout, done


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_notebook_beside_namesakes(tmp_path: Path) -> None:
    fill(tmp_path, *NAMESAKES)
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(LIGHT)])
    NotebookClient(made, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert made.cells[0].outputs[0].text.strip() == SAID


def test_who_imports_a_namesake_is_told_which(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/mine.py").write_text("")
    clash = f"`shared` is a package of Tickline's own, and {tmp_path}/shared has the same name: rename it"
    (tmp_path / "script.py").write_text("import tickline\nimport shared.mine\n")
    assert python(tmp_path, "script.py").stderr.splitlines()[-1] == (
        f"ModuleNotFoundError: No module named 'shared.mine': {clash}"
    )
    (tmp_path / "script.py").write_text("import shared.mine\nimport tickline\n")
    assert python(tmp_path, "script.py").stderr.splitlines()[-1] == f"ImportError: {clash}"
