"""Every command of docs/operations.md is typed, in its order, on an account at the simulator that trades.

systemd, `loginctl` and `scp` are stood in for: the unit itself is checked by `systemd-analyze verify`.
"""

import re
import shlex
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from services.monitor.alerts.conditions import AlertKind
from shared.control.capital import books_in
from shared.errors import SafetyRefusal
from shared.journal.journal import Journal
from tests.e2e.command import COMMAND, wait_for
from tests.e2e.fake_session import BY_RULE, FakeSession

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/operations.md").read_text()
AT_TERMINAL = ("arm", "resume", "capital", "adopt")


class Operator:
    """Somebody who types what the page says."""

    def __init__(self, home: Path) -> None:
        self.upstream = upstream = home / "upstream"
        upstream.mkdir()
        (upstream / "Makefile").write_text("setup:\n\t@echo ready\n")
        shutil.copytree(ROOT / "deploy", upstream / "deploy")
        git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-C", str(upstream)]
        for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "first"]):
            subprocess.run([*git, *words], check=True, capture_output=True)
        self.clone(home)
        self.session = FakeSession(home, BY_RULE)
        (self.session.folder / "keys").mkdir()

    def clone(self, home: Path) -> None:
        to = str(home / "tickline")
        subprocess.run(["git", "clone", "-q", str(self.upstream), to], check=True, capture_output=True)

    def types(self, command: str) -> None:
        program, *words = shlex.split(command)
        if program == "tickline":
            self.tickline(*words)
        elif program == "systemctl":
            self.systemctl(*words)
        elif program == "loginctl":
            assert words == ["enable-linger"]
        elif program == "scp":
            self.copies(words[0])
        else:
            self.session.shell(command)

    def copies(self, file: str) -> None:
        """To another machine, on which the next command is typed."""
        assert self.session.line is None
        home = self.session.home / "other"
        home.mkdir()
        self.clone(home)
        for one in (file, "flip.py"):  # "add your own folders of models and code"
            shutil.copy(self.session.folder / one, home / "tickline")
        self.session.moves(home)

    def tickline(self, verb: str, *options: str) -> None:
        if verb in AT_TERMINAL and (verb, *options) != ("resume",):
            done = self.session.at_terminal(verb, *options)
            assert done.code == 0, f"{verb}: {done.shown}"
        else:
            made = self.session.tickline(verb, *options)
            assert made.code == 0, f"{verb}: {made.out}{made.err}"
            assert "Traceback" not in made.err

    def systemctl(self, user: str, verb: str, *rest: str) -> None:
        assert user == "--user"
        if verb == "daemon-reload":
            unit = self.session.home / ".config/systemd/user/tickline.service"
            assert unit.read_text() == (ROOT / "deploy/tickline.service").read_text()
            return
        assert rest[-1] == "tickline"
        if verb in ("stop", "disable", "restart"):
            ended = self.session.stop()
            assert ended is None or ended.code == 0, ended
        if verb in ("start", "enable", "restart"):
            self.session.start()
            assert self.session.line is not None
            assert self.session.line.poll() is None, self.session.line.communicate()


def blocks(section: str) -> list[str]:
    """The commands of one section."""
    text = PAGE[PAGE.index(f"## {section}\n") :].split("\n## ", 1)[0]
    return [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    made = Operator(tmp_path)
    yield made
    made.session.end()


@pytest.mark.long
@pytest.mark.timeout(900)  # dozens of processes, half of which load ccxt
def test_the_commands_in_their_order(operator: Operator) -> None:
    session = operator.session
    sections = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    assert [command for section in sections for command in blocks(section)] == re.findall(
        r"^(?:\S.*)$", "".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)), re.MULTILINE
    )
    for section in sections:
        if section.startswith("Back up"):
            session.wait_for_fills(0)
        before = _orders(session)
        for command in blocks(section):
            if section == "Restore it" and command == "tickline adopt":
                _refused_on_the_bus_that_knows_more(session)
            operator.types(command)
        assert section == "Restore it" or before <= _orders(session)  # upgraded, moved: the journal lost none
        if section.startswith("Keep it"):
            session.wait_for_fills(2)
        if section.startswith("Back up"):
            _is_a_whole_copy(session)
            session.wait_for_fills(2)  # what the backup does not know
        if section == "Restore it":
            wait_for(lambda: _differences(session), "what the backup does not know is a difference", every_s=0.5)
    assert session.home.name == "other"
    assert _capital(session) == 1050


def _orders(session: FakeSession) -> set[str]:
    if not session.has_journal:
        return set()
    return {row.client_order_id for row in session.journal(lambda journal: journal.orders(open_only=False))}


def _differences(session: FakeSession) -> int:
    return len(session.journal(lambda journal: journal.externals(adopted=False)))


def _capital(session: FakeSession) -> Decimal:
    settings = session.settings()

    async def read(journal: Journal) -> Decimal:
        return (await books_in(settings, journal)).capital("BTCUSDT")

    return session.journal(read)


def _is_a_whole_copy(session: FakeSession) -> None:
    with sqlite3.connect(session.folder / "backup/journal-main.db") as copy:
        (orders,) = copy.execute("SELECT COUNT(*) FROM orders").fetchone()
        (fills,) = copy.execute("SELECT COUNT(*) FROM fills").fetchone()
    assert 0 < fills <= session.fills()
    assert orders > 0


def _refused_on_the_bus_that_knows_more(session: FakeSession) -> None:
    session.start()
    assert session.line is not None
    _, err = session.line.communicate(timeout=120)
    assert session.line.returncode == SafetyRefusal.exit_code, err
    session.line = None
    config = session.folder / "tickline.toml"
    config.write_text(config.read_text().replace('namespace = "main"', 'namespace = "main-2"'))


def test_each_alert_has_its_row() -> None:
    rows = {row.split("|")[1].strip() for row in PAGE[PAGE.index("| alert |") :].splitlines() if row.startswith("| ")}
    assert rows - {"alert", "*silence of the heartbeat*"} == {str(kind) for kind in AlertKind}


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed: apt-get install systemd")
    command = tmp_path / "tickline/.venv/bin/tickline"
    command.parent.mkdir(parents=True)
    command.symlink_to(COMMAND)
    unit = Path(shutil.copy(ROOT / "deploy/tickline.service", tmp_path))
    verify = ["systemd-analyze", "--user", "verify", str(unit)]
    environment = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(verify, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    command.unlink()
    done = subprocess.run(verify, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0  # it does look
