"""The journal that a verb works on, and a person's change beside a gateway that takes its epoch back."""

from pathlib import Path

import pytest

from shared.config import load_settings
from shared.control.accounts import journal_of, write_alone
from shared.errors import SafetyRefusal
from shared.journal.journal import Journal
from shared.journal.rows import EventRow


async def test_a_person_is_told_of_a_new_journal(tmp_path: Path) -> None:
    """E.g. in another folder than the line's, whose gateway knows nothing of a halt in it."""
    settings = load_settings(state_dir=tmp_path, gateway={"mode": "testnet", "venue": "fake", "account": "main"})
    warned: list[str] = []
    async with journal_of(settings, warned.append):
        said = f"journal {tmp_path / 'journal-main.db'} is new: a line that is at work has another journal"
        assert warned.pop().startswith(said)
    async with journal_of(settings, warned.append):
        assert warned == []


@pytest.mark.parametrize("times", [0, 1, 3])
async def test_what_a_gateway_came_before_is_looked_at_anew_and_written_once(tmp_path: Path, times: int) -> None:
    looked: list[int] = []
    async with await Journal.open(f"sqlite:///{tmp_path}/journal.db", "main", durable=False) as journal:

        async def make(epoch: int) -> list[EventRow]:
            looked.append(epoch)
            if len(looked) <= times:
                await journal.raise_epoch("gateway")
            return [EventRow("CAPITAL", "", "", f"look {len(looked)}", 1)]

        await write_alone(journal, "a person", make)
        assert [event.text for event in await journal.events(10)] == [f"look {times + 1}"]
    assert looked == [1 + 2 * number for number in range(times + 1)]


async def test_a_process_that_never_lets_go_is_said(tmp_path: Path) -> None:
    async with await Journal.open(f"sqlite:///{tmp_path}/journal.db", "main", durable=False) as journal:

        async def make(_: int) -> list[EventRow]:
            await journal.raise_epoch("gateway")
            return []

        with pytest.raises(SafetyRefusal, match="keeps taking the journal's epoch: stop the gateway"):
            await write_alone(journal, "a person", make)
