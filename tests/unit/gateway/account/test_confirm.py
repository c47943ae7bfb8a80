"""What changes an account's rights or books is done when its name was typed, and for no other word."""

import os
import pty
import sys
import termios
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from services.gateway.account.capital import Wanted, set_capital
from services.gateway.account.halt import halt
from services.gateway.account.resume import resume
from shared.config import load_settings
from shared.control.latches import OTHER_BUS
from shared.errors import ConfigError, SafetyRefusal
from shared.journal.journal import Journal
from shared.journal.rows import LatchRow
from tests.e2e.account import CONFIG

VERBS: dict[str, Callable[[], Awaitable[object]]] = {
    "capital": lambda: set_capital("BTCUSDT", Wanted(Decimal(2_000), None)),
    "resume": lambda: resume(["HALT"]),
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
    await halt(cancel=False, flatten=False, within_s=1.0)
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
    await halt(cancel=False, flatten=False, within_s=1.0)
    async with await Journal.open(load_settings().journal_url, "main", durable=False) as journal:
        await journal.write_by_person([LatchRow(name, "x", "gateway", 1) for name in ("DRAWDOWN", OTHER_BUS)])


@pytest.mark.usefixtures("latched")
async def test_what_is_lifted_is_lifted_by_its_name(at_terminal: Callable[[str], None]) -> None:
    """Without one it is listed; of several names one that is not latched lifts nothing; a bus's is `adopt`'s."""
    everything = (0, ["DRAWDOWN", "HALT", OTHER_BUS])
    at_terminal("main")
    assert [line.rpartition("`tickline ")[2] for line in await resume([])] == [
        "resume DRAWDOWN`", "resume HALT`", "adopt`",
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="resume DAILY_LOSS: not latched; DRAWDOWN, HALT, OTHER_BUS is"):
        await resume(["HALT", "DAILY_LOSS"])
    with pytest.raises(SafetyRefusal, match="OTHER_BUS is lifted by `tickline adopt`"):
        await resume([OTHER_BUS])
    assert await written() == everything
    assert list(await resume(["HALT"])) == ["HALT of main lifted; still held by DRAWDOWN, OTHER_BUS"]
    assert await written() == (0, ["DRAWDOWN", OTHER_BUS])
