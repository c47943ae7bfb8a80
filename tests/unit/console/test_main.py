"""What every command line has: a version, short help, completion."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.console import main as module
from services.console.main import app_for
from shared.runner.process import SAFE_PATH
from shared.version import version_line
from tests.e2e.account import CONFIG

ROOT = Path(__file__).parents[3]
RESEARCH = {"torch", "numpy", "pandas", "polars", "pyarrow", "scipy", "altair", "joblib", "services.research.backtest"}
EXTRAS = {"ccxt", "aiohttp", "sqlalchemy", "alembic", "psycopg"}
RUNNER = CliRunner()
app = app_for([])
VERBS = (
    ["run"],
    ["backtest"],
    ["train"],
    ["sweep"],
    ["parity"],
    ["tail"],
    ["why"],
    ["trace"],
    ["config", "show"],
    ["data", "check"],
)


def test_the_version() -> None:
    for typed in ("--version", "version"):
        shown = RUNNER.invoke(app, [typed])
        assert (shown.exit_code, shown.output) == (0, f"{version_line()}\n")


@pytest.mark.parametrize("verb", [[], *VERBS], ids=" ".join)
def test_short_help(verb: list[str]) -> None:
    short, long = (RUNNER.invoke(app, [*verb, option]) for option in ("-h", "--help"))
    assert short.exit_code == 0
    assert short.output == long.output
    assert "Usage: " in short.output


@pytest.mark.parametrize("verb", ["arm", "disarm", "halt", "resume", "resolve", "adopt"])
def test_short_help_of_the_verbs_on_an_account(verb: str) -> None:
    shown = RUNNER.invoke(app_for([verb]), [verb, "-h"])
    assert shown.exit_code == 0
    assert "Usage: " in shown.output


@pytest.mark.parametrize(
    ("typed", "code", "heavy"),
    [
        ("halt", 0, {*RESEARCH, "ccxt"}),
        ("halt --cancel --within 1", 4, RESEARCH),
        ("disarm", 0, {*RESEARCH, "ccxt"}),
        ("resume", 0, {*RESEARCH, "ccxt"}),
        ("resolve", 0, {*RESEARCH, "ccxt"}),
        ("arm --help", 0, {*RESEARCH, *EXTRAS}),
        ("config show", 0, {*RESEARCH, *EXTRAS}),
        ("status", 0, RESEARCH),
        ("partitions", 4, {*RESEARCH, *EXTRAS}),
        ("version", 0, {*RESEARCH, *EXTRAS}),
        ("status --help", 0, {*RESEARCH, *EXTRAS}),
        ("doctor --offline", 0, {*RESEARCH, *EXTRAS} - {"numpy"}),  # it makes the model's features
        ("tail --help", 0, {*RESEARCH, *EXTRAS}),
        ("why BTCUSDT", 4, {*RESEARCH, "ccxt"}),
        ("trace nobody", 4, {*RESEARCH, "ccxt"}),
        ("--help", 0, {*RESEARCH, *EXTRAS} - {"numpy"}),
        ("--version", 0, {*RESEARCH, *EXTRAS, "pydantic"}),
    ],
)
def test_a_verb_does_not_wait_for_what_others_need(tmp_path: Path, typed: str, code: int, heavy: set[str]) -> None:
    """Nor does a person who asks for help, or who has not installed it."""
    (tmp_path / "tickline.toml").write_text(CONFIG)
    program = (
        "import sys\n"
        "from services.console.main import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as ended:\n"
        f"    print('loaded:', ended.code, *sorted({heavy!r} & sys.modules.keys()))\n"
    )
    folders = {"TICKLINE_STATE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    given = os.environ | folders | {"TICKLINE_GATEWAY__FAKE_URL": "http://127.0.0.1:1"}
    command = [sys.executable, "-c", program, *typed.split()]
    done = subprocess.run(command, cwd=tmp_path, env=given, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == f"loaded: {code}", done.stderr


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("why --form 2d BTCUSDT", "No such option: --form: `tickline why --help` says what it takes"),
        ("why", "Missing argument 'sym': `tickline why --help` says what it takes"),
        ("alert tset", "No such command 'tset'. Did you mean 'test'?: `tickline alert --help` says what it takes"),
        ("nothing", "No such command 'nothing': `tickline --help` says what it takes"),
        ("tail ticks --limit many", "Invalid value for '--limit': Input should be a valid integer"),
    ],
)
def test_wrong_words_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str, line: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["tickline", *typed.split()])
    monkeypatch.setattr(module, "configure_logs", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        module.main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"tickline: {line}")


@pytest.mark.parametrize(("typed", "offered"), [("tickline ru", "run"), ("tickline tail exe", "executions")])
def test_the_shell_completes_verbs_and_values(typed: str, offered: str) -> None:
    asked = {"_TICKLINE_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    command = Path(sys.executable).with_name("tickline")
    done = subprocess.run([command], env={**os.environ, **asked}, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [offered]
    assert "--install-completion" in RUNNER.invoke(app, ["--help"], env={"COLUMNS": "200"}).output


def test_a_model_is_named_by_model_in_every_verb_and_its_class_by_class() -> None:
    options = {" ".join(verb): RUNNER.invoke(app, [*verb, "--help"], env={"COLUMNS": "200"}).output for verb in VERBS}
    assert {verb for verb, shown in options.items() if "--model " in shown} == {"run", "backtest", "parity", "sweep"}
    assert {verb for verb, shown in options.items() if "--class " in shown} == {"train", "sweep"}
    assert {verb for verb, shown in options.items() if "--weights " in shown} == {
        "train",
        "sweep",
    }  # the folder to write to


def test_what_a_library_starts_is_shadowed_by_no_file_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E.g. a sweep's workers; what we start ourselves is told so by its own command line."""
    monkeypatch.setattr(sys, "argv", ["tickline", "--version"])
    monkeypatch.setattr(module, "configure_logs", lambda name: None)
    monkeypatch.setenv(SAFE_PATH, "")  # to be put back
    monkeypatch.delenv(SAFE_PATH)
    (tmp_path / "random.py").write_text("raise SystemExit('shadowed')")
    imports = [sys.executable, "-c", "import random"]
    assert subprocess.run(imports, cwd=tmp_path, capture_output=True, check=False).stderr == b"shadowed\n"
    with pytest.raises(SystemExit):
        module.main()
    assert subprocess.run(imports, cwd=tmp_path, capture_output=True, check=False).returncode == 0
