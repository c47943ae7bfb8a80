"""What cannot be run is refused in one line, with a stable exit code, before anything is started.

The command's own `main` is called here, since a process for each case would take minutes; processes see the same in
test_run.py and test_lifecycle.py.
"""

from pathlib import Path

import pytest

from tests.e2e.command import Command, Done

HEAD = "datetime,open,high,low,close\n"
GOOD = "2024-10-29T00:00,1,9,1,1\n2024-10-29T12:00,1,9,1,2\n2024-10-30T00:00,1,9,1,3\n2024-10-30T12:00,1,9,1,4\n"


def refused(done: Done, code: int, said: str) -> None:
    assert done.code == code
    assert done.out == ""
    (line,) = done.err.splitlines()
    assert line.startswith("tickline: ")
    assert said in line
    assert not Path("state/bus/appendonlydir").exists(), "a bus was started first"


def replay(command: Command, content: bytes | str, name: str = "bars.csv", *options: str) -> Done:
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return command("run", "--data", name, "--sym", "BTCUSDT", "--interval", "12h", *options)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no header"),
        (HEAD, "no "),
        ("time,price\n2024-10-29T00:00,1\n", "datetime"),
        ("datetime,open\n2024-10-29T00:00,1\n", "close"),
        (HEAD + GOOD + "2024-10-30T12:00,1,1,1,4\n", "row 6"),
        (HEAD + GOOD + "2024-10-29T18:00,1,1,1,4\n", "row 6"),
        (HEAD + GOOD + "2024-10-31T00:00,1,1,1,nan\n", "row 6"),
        (HEAD + GOOD + "2024-10-31T00:00,1,1,1,0\n", "row 6"),
        (HEAD + GOOD + "2024-10-31T00:00,1,1,1,-3\n", "row 6"),
        (HEAD + GOOD + "2024-10-31T00:00,1,1,1,abc\n", "row 6"),
        (HEAD + GOOD + "yesterday,1,1,1,4\n", "row 6"),
        (HEAD + GOOD + "2024-10-31T00:00,1\n", "row 6"),
        ("datetime,price\n2024-10-29T00:00,1\n2024-10-29T01:00,2\n2024-10-29T02:00,2\n", "interval"),
        (b"\xff\xfe\x00binary", "bars.csv"),
        (HEAD + GOOD + "2024-10-31T00:00,1,1,1,\x1b[31m\n", "row 6"),
    ],
)
def test_bad_data_is_exit_code_3(command: Command, content: bytes | str, said: str) -> None:
    done = replay(command, content)
    refused(done, 3, said)
    assert "bars.csv" in done.err
    assert "\x1b" not in done.err


def test_data_that_are_no_file(command: Command, tmp_path: Path) -> None:
    refused(command("run", "--data", "none.csv", "--sym", "BTCUSDT", "--interval", "12h"), 3, "no such file")
    refused(command("run", "--data", tmp_path, "--sym", "BTCUSDT", "--interval", "12h"), 3, "directory")
    refused(replay(command, b"PAR1 not", "bars.parquet"), 3, "bars.parquet")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--interval", "3q"), "interval '3q' is unknown"),
        (("--strategy", "nosuch"), "there are: basic_taker, threshold"),
        (("--param", "leverage=-1"), "leverage"),
        (("--param", "leverrage=1"), "it has: leverage, netting"),
        (("--strategy", "threshold"), "threshold"),
        (("--data", "a.csv"), "--sym is missing: say of which symbol a.csv is"),
        (("--fee", "2"), "gateway.fee"),
    ],
)
def test_bad_config_is_exit_code_2(command: Command, options: tuple[str, ...], said: str) -> None:
    refused(command("run", *options), 2, said)


@pytest.mark.parametrize(
    ("options", "said"), [(("--model", "nosuch"), "nosuch"), (("--sym", "SIM-A", "--interval", "7m"), "7m")]
)
def test_no_model_is_exit_code_5(command: Command, options: tuple[str, ...], said: str) -> None:
    refused(command("run", *options), 5, said)


def test_a_symbol_or_interval_without_a_model(command: Command) -> None:
    Path("bars.csv").write_text(HEAD + GOOD)
    refused(command("run", "--data", "bars.csv", "--sym", "BTCUSDT"), 3, "pass --interval 12h")
    Path("hours.csv").write_text("datetime,price\n2024-10-29T00:00,1\n2024-10-29T01:00,2\n2024-10-29T02:00,2\n")
    done = command("run", "--data", "hours.csv", "--sym", "BTCUSDT", "--interval", "1h")
    refused(done, 5, "BTCUSDT at 1h")
    done = command("run", "--data", "bars.csv", "--sym", "ETHUSDT", "--interval", "12h")
    refused(done, 5, "ETHUSDT at 12h")
    done = command("run", "--data", "bars.csv", "--sym", "BTCUSDT", "--interval", "12h", "--model", "simulated_linear")
    refused(done, 5, "simulated_linear")


@pytest.mark.parametrize(
    "arguments", [("run", "--nosuch"), ("run", "--limit", "many"), ("tail",), ("tail", "nosuch"), ("nosuch",)]
)
def test_bad_usage_is_exit_code_2(command: Command, arguments: tuple[str, ...]) -> None:
    done = command(*arguments)
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith("tickline: ") and line.endswith("--help` says what it takes")
    assert "Traceback" not in done.err


def test_what_cannot_be_written_is_found_before_the_run(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("file").write_text("")
    refused(command("run", "--json", "file/summary.json"), 2, "--json file/summary.json: cannot be written")
    refused(command("run", "--json", "."), 2, "cannot be written: Is a directory")
    with monkeypatch.context() as patch:
        patch.setenv("TICKLINE_BUS__FOLDER", "file/bus")
        refused(command("run"), 4, "file/bus cannot be used: Not a directory")
    Path("state").write_text("")
    monkeypatch.setenv("TICKLINE_BUS__FOLDER", "bus")
    done = command("run")
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert "state/logs: the services' logs cannot be written" in line


def test_a_bus_that_does_not_answer_is_exit_code_4(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKLINE_BUS__START_TIMEOUT_S", "0.5")
    monkeypatch.setenv("TICKLINE_BUS__URL", "redis://someone:secret@127.0.0.1:1/0")
    for arguments in (("run",), ("tail", "ticks")):
        done = command(*arguments)
        assert (done.code, done.out) == (4, "")
        assert "bus redis://127.0.0.1:1/0: " in done.err.splitlines()[-1]
        assert "secret" not in done.err
        assert "Traceback" not in done.err


def test_an_unknown_setting(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("tickline.toml").write_text("[bus]\nurrl = 'redis://127.0.0.1'\n")
    refused(command("run"), 2, "bus.urrl")
    Path("tickline.toml").write_text("[bus\n")
    refused(command("run"), 2, "config")
    Path("tickline.toml").unlink()
    monkeypatch.setenv("TICKLINE_BUSS__URL", "x")
    refused(command("run"), 2, "TICKLINE_BUSS__URL")
