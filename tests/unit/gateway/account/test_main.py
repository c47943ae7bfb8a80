"""What the verbs on an account refuse before they ask anybody: one line, a stable exit code, nothing written."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from services.gateway.account.main import main
from tests.e2e.account import CONFIG

ARM = ("arm", "--account", "main", "--max-notional", "5", "--for", "1h")


@pytest.fixture
def refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., tuple[int, str]]]:
    monkeypatch.chdir(tmp_path)
    Path("tickline.toml").write_text(CONFIG)

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["tickline", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("tickline: ")
        assert not Path(".tickline").exists()
        return int(ended.value.code or 0), line

    yield call
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (ARM, 5, "arm needs a person at a terminal"),
        (("resume", "HALT"), 5, "resume needs a person at a terminal"),
        (("adopt",), 5, "adopt needs a person at a terminal"),
        (("resolve", "a" * 32, "--as", "expired"), 5, "resolve needs a person at a terminal"),
        ((*ARM[:2], "other", *ARM[3:]), 2, "the config's account is main"),
        ((*ARM[:4], "0", *ARM[5:]), 2, "--max-notional 0: it must be above 0"),
        ((*ARM[:4], "nan", *ARM[5:]), 2, "--max-notional nan: it must be a number"),
        ((*ARM[:6], "8d"), 2, "an arming lasts 7 days at most"),
        ((*ARM[:6], "soon"), 2, "--for: interval 'soon'"),
        (("resolve", "a" * 32), 2, "say how it ended"),
        (("resolve", "POSITION/A/A", "BALANCE//balance", "--as", "bot"), 5, "resolve needs a person at a terminal"),
        (("capital", "--sym", "BTCUSDT", "--set", "1"), 5, "capital needs a person at a terminal"),
        (("capital", "--sym", "BTCUSDT"), 2, "say either --set X or --add X"),
        (("capital", "--sym", "BTCUSDT", "--set", "1", "--add", "1"), 2, "say either --set X or --add X"),
        (("resolve", "a" * 32, "--as", "filled", "--qty", "x"), 2, "--qty x: it must be a number"),
    ],
)
def test_refused(refused: Callable[..., tuple[int, str]], arguments: tuple[str, ...], code: int, said: str) -> None:
    ended, line = refused(*arguments)
    assert ended == code
    assert said in line


@pytest.mark.parametrize("verb", [ARM, ("disarm",), ("halt",), ("resolve",)])
def test_paper_has_no_account(refused: Callable[..., tuple[int, str]], verb: tuple[str, ...]) -> None:
    Path("tickline.toml").write_text("")
    ended, line = refused(*verb)
    assert ended == 2
    assert "gateway.mode is paper" in line


def test_on_paper_another_capital_takes_new_books(refused: Callable[..., tuple[int, str]]) -> None:
    Path("tickline.toml").write_text("")
    ended, line = refused("capital", "--sym", "BTCUSDT", "--set", "5")
    assert ended == 2
    assert "another bus.namespace than 'tickline'" in line
