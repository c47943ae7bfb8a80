"""`tickline page` tells where the page is while a monitor serves it, and only then."""

import os
import time
from pathlib import Path

import pytest

from services.console.page import page
from shared.errors import BusUnreachable
from shared.runner.health import MAX_AGE_S, alive_file
from shared.status.page_file import PageFile, page_path, write_page_file


@pytest.mark.parametrize(("old_s", "serves"), [(0.0, True), (2 * MAX_AGE_S, False)], ids=["at work", "ended"])
def test_it_is_told_while_somebody_serves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], old_s: float, serves: bool
) -> None:
    monkeypatch.setenv("TICKLINE_STATE_DIR", str(tmp_path))
    began_ms = round((time.time() - 100 * MAX_AGE_S) * 1000)
    write_page_file(page_path(tmp_path), PageFile(url="http://127.0.0.1:1", code="abc", began_ms=began_ms))
    alive = alive_file(tmp_path, "monitor")
    alive.touch()
    os.utime(alive, (time.time() - old_s,) * 2)
    if serves:
        page()
        assert capsys.readouterr().out == "page: http://127.0.0.1:1 (one-time code: abc)\n"
    else:
        with pytest.raises(BusUnreachable, match=r"^page: no monitor serves one with "):
            page()
