"""What the verbs on an account refuse before they ask anybody: one line, a stable exit code, nothing written."""

import os
import pty
import sys
import termios
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import structlog

from services.console.capital import set_capital
from services.console.halt import lift, stop
from services.console.main import main
from shared.config import load_settings
from shared.control.capital import CapitalChange
from shared.control.latches import OTHER_BUS
from shared.errors import ConfigError, SafetyRefusal
from shared.journal.journal import Journal
from shared.journal.rows import LatchRow
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


# What changes an account's rights or books is done when its name was typed, and for no other word.

VERBS: dict[str, Callable[[], Awaitable[object]]] = {
    "capital": lambda: set_capital("BTCUSDT", CapitalChange(Decimal(2_000), None)),
    "resume": lambda: lift(["HALT"]),
}


@pytest.fixture
def at_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Types a line, before it is asked for."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        monkeypatch.setattr(termios, "tcflush", lambda *_: None)
        yield lambda text: [os.write(ours, text.encode() + b"\n")].clear()
        monkeypatch.undo()
    os.close(ours)


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tickline.toml").write_text(CONFIG)


async def written() -> tuple[int, list[str]]:
    """How often the book's capital was changed, and what is latched."""
    async with await Journal.open(load_settings().journal_url, "main", durable=False, create=False) as journal:
        return len(await journal.executions("strategy:BTCUSDT")), sorted(await journal.latches())


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("verb", VERBS)
async def test_another_word_than_the_accounts_name_changes_nothing(
    verb: str, at_terminal: Callable[[str], None]
) -> None:
    await stop(cancel=False, flatten=False, within_s=1.0)
    before = await written()
    at_terminal("yes")
    with pytest.raises(SafetyRefusal, match="'yes' was typed, not the account's name: nothing was changed"):
        await VERBS[verb]()
    assert await written() == before == (0, ["HALT"])
    at_terminal("main")
    await VERBS[verb]()
    assert await written() == ((1, ["HALT"]) if verb == "capital" else (0, []))


@pytest.fixture
async def latched(account: None) -> None:
    await stop(cancel=False, flatten=False, within_s=1.0)
    async with await Journal.open(load_settings().journal_url, "main", durable=False) as journal:
        await journal.write_by_person([LatchRow(name, "x", "gateway", 1) for name in ("DRAWDOWN", OTHER_BUS)])


@pytest.mark.usefixtures("latched")
async def test_what_is_lifted_is_lifted_by_its_name(at_terminal: Callable[[str], None]) -> None:
    """Without one it is listed; of several names one that is not latched lifts nothing; a bus's is `adopt`'s."""
    everything = (0, ["DRAWDOWN", "HALT", OTHER_BUS])
    at_terminal("main")
    assert [line.rpartition("`tickline ")[2] for line in await lift([])] == [
        "resume DRAWDOWN`",
        "resume HALT`",
        "adopt`",
    ]
    with pytest.raises(ConfigError, match="resume DAILY_LOSS: not latched; DRAWDOWN, HALT, OTHER_BUS is"):
        await lift(["HALT", "DAILY_LOSS"])
    with pytest.raises(SafetyRefusal, match="OTHER_BUS is lifted by `tickline adopt`"):
        await lift([OTHER_BUS])
    assert await written() == everything
    assert list(await lift(["HALT"])) == ["HALT of main lifted; still held by DRAWDOWN, OTHER_BUS"]
    assert await written() == (0, ["DRAWDOWN", OTHER_BUS])
