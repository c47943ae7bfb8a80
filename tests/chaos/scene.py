"""A scene is a line of real processes, each behind a proxy to a real bus, and the oracle that looks at what it writes.

One replays files to the paper venue, so that all streams must be an undisturbed run's, to the letter. The other trades
an account on a simulator in present time, where each order matters.
"""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from services.simulator.dialects import markets
from shared.config import load_settings
from shared.strategies.identity import decided_by_config
from tests.chaos.account import arm, as_variables
from tests.chaos.account import given as gateway_given
from tests.chaos.line import ROOT, Line
from tests.chaos.pace import Pace
from tests.chaos.proxy import Proxy
from tests.chaos.replay import NAMESPACE as REPLAYED
from tests.chaos.replay import RUN_ID, write_bars
from tests.chaos.server import Server
from tests.chaos.simulated import NAMESPACE as PRESENT
from tests.chaos.watch import READERS, SERVICES, Status, Timeout, Watch
from tests.e2e.account import Typed, at_terminal
from tests.oracle.account import JournalSeen, VenueSeen, at_rest_faults, read_journal, read_venue, sent_twice
from tests.oracle.streams import Contents, Judge, Reader, Verdict, contents, unanswered
from tests.servers import free_port

LEASE_S = 1.5
BACK_S = 120.0  # until all are at work again; on a busy machine, too
REST_S = 90.0
SHORT_PATIENCE = {"TICKLINE_BUS__LEASE_S": str(LEASE_S), "TICKLINE_BUS__TIMEOUT_S": "1.0"}
NOTHING_TRIMMED = {"TICKLINE_BUS__MARKET_MAXLEN": "10000000", "TICKLINE_BUS__TRIM_AGE_S": "86400"}
# The work lasts over all faults, and a dead process soon stops all others.
SMALL_STEPS = {"TICKLINE_BUS__BOUND": "16", "TICKLINE_BUS__READ_COUNT": "8", "TICKLINE_BUS__COMMIT_ENTRIES": "8"}
SECOND = "next"  # of a service: its replica of the next version


class RunOver(Exception):
    """The line has done all that it had to do."""


class Scene:
    """Starts all in `folder`; `faults.py` does to it what it can.

    - server: the bus as it is now. proxies: by service. watch: keeps the line alive while it waits.
    - next_version: the folder of the next version's code, if any.
    """

    def __init__(
        self, folder: Path, rng: random.Random, namespace: str, environment: Mapping[str, str],
        expected: Contents | None = None, next_version: Path | None = None,
    ) -> None:  # fmt: skip
        folder.mkdir(exist_ok=True)
        self.folder, self.rng = folder, rng
        self.server = Server(folder)
        self.proxies: dict[str, Proxy] = {}
        self.next_version = next_version
        self._namespace, self._environment = namespace, {**environment} | SHORT_PATIENCE | NOTHING_TRIMMED
        self._expected, self._seen, self._forgotten = expected, Verdict(), 0
        self._stack = ExitStack()

    def __enter__(self) -> "Scene":
        try:
            self._start(self._stack)
        except BaseException:
            self._stack.close()
            raise
        return self

    def _start(self, stack: ExitStack) -> None:
        self.server.start()
        stack.callback(lambda: self.server.stop())
        for service in SERVICES:
            self.proxies[service] = stack.enter_context(Proxy(self.server.port))
        code = {} if self.next_version is None else {f"{name}-{SECOND}": self.next_version for name in SERVICES}
        urls = {name: proxy.url for name, proxy in self.proxies.items()}
        self.line = stack.enter_context(Line(self.folder, urls, self._environment, code))
        client: Any = stack.enter_context(self.server.client(10.0))
        self.watch = Watch(client, self._namespace, lambda: self.tend())
        self._reader = Reader(client, self._namespace, lean=self._expected is not None)
        self._judge = Judge(self._expected)
        self.line.start()

    def __exit__(self, *_: object) -> None:
        for proxy in self.proxies.values():
            proxy.heal()
        self._stack.close()

    @property
    def names(self) -> Any:
        """The names of the keys."""
        return self.watch.names

    def tend(self) -> None:
        """Start again what was killed."""
        self.line.tend()

    def pause(self, seconds: float) -> None:
        """Wait for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.tend()
            time.sleep(0.01)

    def until(self, what: str, holds: Callable[[], bool], within_s: float = BACK_S) -> None:
        """Wait for something else than the commits on the bus."""
        end = time.monotonic() + within_s
        while not holds():
            self.tend()
            if time.monotonic() > end:
                raise Timeout(f"not within {within_s:g} s: {what}")
            time.sleep(0.02)

    def at_work(self, more: int = 0) -> None:
        """Wait until each service has committed more than so often from now on."""
        before = self.watch.wait("the bus answers", lambda _: True, BACK_S)

        def working(now: Status) -> bool:
            return self.is_over(now) or all(now.commits(x) > before.commits(x) + more for x in SERVICES)

        self.watch.wait("all are at work", working, BACK_S)

    def is_over(self, now: Status) -> bool:
        """Says whether the run has come to its end."""
        return False

    def get_ready(self) -> None:
        """Wait until a fault meets a line at work; raises RunOver where there is nothing left to do."""
        self.at_work(2)
        if self.is_over(self.watch.status()):
            raise RunOver
        time.sleep(self.rng.uniform(0, 0.05))

    def next_turn(self) -> None:
        """A fault is over, and its figures are taken."""

    def look(self, *, anew: bool, whole: bool = False) -> Verdict:
        """What the oracle finds beyond what it has found. anew: the bus has lost some of what was seen on it."""
        if anew:
            before = self._reader.counts["ticks"]
            self._judge = Judge(self._expected)
            self._judge.take(self._reader.anew())
            self._forgotten += max(before - self._reader.counts["ticks"], 0)
        else:
            self._judge.take(self._reader.look())
        found = self._judge.verdict(whole=whole)
        beyond, self._seen = found.beyond(self._seen), found
        return beyond

    @property
    def dead_letters(self) -> int:
        """How many stand on the bus."""
        return self._reader.dead

    @property
    def ticks(self) -> int:
        """How many were seen, also of those that the bus has lost."""
        return self._forgotten + self._reader.counts["ticks"]

    def orders(self) -> int:
        """How many the strategy has asked for, by the streams."""
        return self._reader.counts["orders"]

    def twice(self) -> list[str]:
        """Orders that went out twice."""
        return []

    def end(self) -> tuple[Verdict, list[str]]:
        """Let the run come to its end: what the oracle finds then, and what else is wrong."""
        raise NotImplementedError

    def _stopped(self) -> list[str]:
        self.line.stop()
        logs = {name: self.line.log(name) for name in SERVICES}
        alarms = [f"{name}: a symbol stopped" for name, log in logs.items() if "symbol stopped" in log]
        letters = [f"{self.dead_letters} dead letters"] if self.dead_letters else []
        return [*self.line.unexpected, *alarms, *letters]


def replay_environment(folder: Path, symbols: int, rows: int, seed: int) -> dict[str, str]:
    """Writes files of prices; returns the settings that replay them."""
    folder.mkdir(exist_ok=True)
    files = {f"SYM-{i}": str(write_bars(folder / f"SYM-{i}.csv", seed * symbols + i, rows)) for i in range(symbols)}
    return {
        "TICKLINE_RUN_ID": RUN_ID,
        "TICKLINE_SYMBOLS": json.dumps(sorted(files)),
        "TICKLINE_INGESTOR__SOURCE": "replay",
        "TICKLINE_INGESTOR__FILES": json.dumps(files),
        **NOTHING_TRIMMED,
    }


def undisturbed(folder: Path, environment: Mapping[str, str], ticks: int) -> Contents:
    """Runs the line over its files in peace; returns what it writes."""
    folder.mkdir(exist_ok=True)
    server = Server(folder)
    server.start()
    try:
        with server.client(60.0) as client, Line(folder, server.url, environment) as line:
            line.start()
            Watch(client, REPLAYED, line.tend).wait("the undisturbed run ends", lambda s: s.finished(ticks), 1_200)
            reader = Reader(client, REPLAYED, lean=True)
            written = contents(reader.look())
            line.stop()
    finally:
        server.stop()
    assert (reader.counts["ticks"], reader.dead) == (ticks, 0)
    return written


class ReplayScene(Scene):
    """The line replays files of so many ticks; its pace is such that each of `turns` faults finds some left."""

    def __init__(
        self, folder: Path, rng: random.Random, environment: Mapping[str, str], expected: Contents, ticks: int,
        turns: int, next_version: Path | None,
    ) -> None:  # fmt: skip
        super().__init__(folder, rng, REPLAYED, {**environment, **SMALL_STEPS}, expected, next_version)
        self._all, self._turns = ticks, turns
        self._pace: Pace | None = None

    def _start(self, stack: ExitStack) -> None:
        super()._start(stack)
        self._pace = Pace(self.line, self.watch.client, self._all, self._turns)

    @property
    def pace(self) -> Pace:
        """Of the ingestor."""
        assert self._pace is not None
        return self._pace

    def tend(self) -> None:
        """Let the line get no further than its share, too."""
        self.pace.tend()

    def until(self, what: str, holds: Callable[[], bool], within_s: float = BACK_S) -> None:
        """Ticks flow meanwhile: what is waited for is done by services at work, of which the ingestor is one."""
        self.pace.lift()
        super().until(what, holds, within_s)

    def at_work(self, more: int = 0) -> None:
        """Ticks flow until all are at work, and no longer."""
        self.pace.lift()
        super().at_work(more)
        self.pace.hold()

    def is_over(self, now: Status) -> bool:
        """Says whether all ticks are taken."""
        return now.finished(self._all)

    def get_ready(self) -> None:
        """Let ticks flow, so that the fault meets work in all services."""
        super().get_ready()
        self.pace.lift()

    def next_turn(self) -> None:
        """The next share of the ticks may go."""
        self.pace.turn()

    def end(self) -> tuple[Verdict, list[str]]:
        """The run goes on to its last tick; then all that is expected must be there."""
        self.pace.lift()
        self.watch.wait("the run ends", self.is_over, 600)
        verdict = self.look(anew=True, whole=True)
        return verdict, self._stopped()


@contextmanager
def venue(port: int, symbols: int, seed: int) -> Iterator[None]:
    """Starts a simulator of the simulated market; nothing goes wrong there yet."""
    arguments = {"port": port, "markets": symbols, "simulated": "1s", "seed": seed, "cash": 10**8}
    command = [sys.executable, "-m", "services", "simulator", "--fair"]
    for name, value in arguments.items():
        command += [f"--{name}", str(value)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert "fake binance at" in process.stdout.readline()
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class AccountScene(Scene):
    """The line trades an account on a simulator of its own, at `url`, armed by a person, with a journal."""

    def __init__(self, folder: Path, rng: random.Random, symbols: int, seed: int, next_version: Path | None) -> None:
        self._port, self._seed = free_port(), seed
        self.url, self._journal = f"http://127.0.0.1:{self._port}", folder / "journal.db"
        listed = {listing.id: f"{listing.base}/USDT:USDT" for listing in markets("binance", symbols)}
        self.symbols = sorted(listed)
        self._values: dict[str, object] = {
            "symbols": list(listed), "interval": "1s", "state_dir": str(folder / "state"),
            "ingestor": {"source": "fake", "seed": seed}, "signal": {"model": "simulated_linear"},
            "strategy": {"balance": "10000"},
            "gateway": gateway_given(folder, self.url)["gateway"] | {"markets": listed},
        }  # fmt: skip
        super().__init__(folder, rng, PRESENT, as_variables(self._values), next_version=next_version)

    def _start(self, stack: ExitStack) -> None:
        settings = load_settings(**self._values)
        asyncio.run(arm(settings, decided_by_config(settings)))
        stack.enter_context(venue(self._port, len(self.symbols), self._seed))
        super()._start(stack)

    def journal(self) -> JournalSeen:
        """The journal now."""
        return read_journal(self._journal)

    def venue(self) -> VenueSeen:
        """The exchange now."""
        return read_venue(self.url)

    def orders(self) -> int:
        """How many came to the exchange."""
        return len(self.venue().asked)

    def twice(self) -> list[str]:
        """Orders that went out twice, so far."""
        return sent_twice(self.venue())

    def adopt(self) -> Typed:
        """A person says that the bus there is now is the right one."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith("TICKLINE_")}
        variables |= self._environment | {"TICKLINE_BUS__URL": self.server.url, "COLUMNS": "200"}
        return at_terminal(self.folder, variables, "adopt", typed="main")

    def end(self) -> tuple[Verdict, list[str]]:
        """Ticks end, and all that is under way does; then journal, exchange and streams must say the same."""
        self.line.send("ingestor", signal.SIGTERM)
        assert self.line.forget("ingestor") == 0
        self.watch.wait("all is taken", lambda s: all(s.taken(who, x) >= s.out(x) for who, x in READERS), REST_S)
        faults: list[str] = []

        def at_rest() -> bool:
            self._reader.anew()
            faults[:] = at_rest_faults(self.journal(), self.venue(), self._reader.streams)
            return not faults

        with suppress(Timeout):
            self.until("all says the same", at_rest, REST_S)
        verdict = self.look(anew=True)
        for sym in self.symbols:
            verdict = verdict.and_(unanswered(self._reader.streams, sym))
        return verdict, [*faults, *self._stopped()]
