"""Which journal a verb works on."""

from pathlib import Path

import pytest

from services.gateway.account.opened import journal_of
from shared.config import load_settings


async def test_a_person_is_told_of_a_new_journal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """E.g. in another folder than the line's, whose gateway knows nothing of a halt in it."""
    settings = load_settings(state_dir=tmp_path, gateway={"mode": "testnet", "venue": "fake", "account": "main"})
    async with journal_of(settings):
        said = f"journal {tmp_path / 'journal-main.db'} is new: a line that is at work has another journal"
        assert capsys.readouterr().err.startswith(said)
    async with journal_of(settings):
        assert capsys.readouterr().err == ""
