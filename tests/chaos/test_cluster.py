"""kill -9 of every service and of a Cluster's masters at random moments of a replay: nothing lost, nothing doubled."""

import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos.line import Line
from tests.chaos.replay import Replay, undisturbed
from tests.chaos.test_crash import await_commits, crash
from tests.chaos.watch import PLACES, SERVICES, Seqs, Watch
from tests.cluster import Cluster, is_master, wait
from tests.servers import VALKEY

TIMEOUT_S = 2.0
TAKEN_OVER_S = 5.0  # beyond the time after which the nodes give a master up


class Masters:
    """Kills masters of a Cluster, most of them when their replica lags behind, and starts them again as replicas.

    back_s: of each, how long it took until every service had committed again.
    """

    def __init__(self, cluster: Cluster, rng: random.Random) -> None:
        self.back_s: list[float] = []
        self._cluster, self._rng = cluster, rng

    def kill(self, line: Line, watch: Watch) -> int:
        """Returns how many acknowledged commits were lost, at least."""
        cluster = self._cluster
        await_commits(watch)
        master = self._rng.choice([server for server in cluster.servers if is_master(server)])
        replica = cluster.partner_of(master)
        lags = not self.back_s or self._rng.random() < 0.7
        mine = [place for place in PLACES if cluster.master_of(watch.names.state(place)) is master]
        kept: Seqs = {}
        acknowledged: Seqs = {}
        if lags:
            cluster.cut_off(replica)
            kept = watch.seqs()
            watch.wait("commits there", lambda now: any(now.seq(place) > kept[place] for place in mine))
            acknowledged = {place: seq for place, seq in watch.seqs().items() if place in mine}
        began_s = time.monotonic()
        master.kill()
        if lags:
            cluster.let_go(replica)
        before = watch.wait("the bus is back", lambda _: True)
        watch.wait("all work", lambda now: all(now.commits(name) > before.commits(name) for name in SERVICES))
        self.back_s.append(time.monotonic() - began_s)
        line.send("ingestor", signal.SIGSTOP)  # until the next turn: the run would be over before the node is back
        master.start()
        wait(lambda: not is_master(master))
        cluster.await_whole()
        return sum(seq - kept[place] for place, seq in acknowledged.items())


@pytest.fixture(scope="module")
def long_replay(replay: Replay, short: bool) -> Iterator[Replay]:
    """The run, of which a second or so goes by at full speed at each death of a master."""
    if short:
        yield replay
        return
    path = Path(tempfile.mkdtemp(prefix="tlc-"))
    yield undisturbed(path, symbols=10, rows=10_000)
    shutil.rmtree(path, ignore_errors=True)


@pytest.mark.timeout(1800)
def test_masters_die_and_nothing_is_lost_or_doubled(
    folder: Path, long_replay: Replay, rng: random.Random, short: bool, say: Callable[[str], None]
) -> None:
    cluster = Cluster(folder, VALKEY, timeout_s=TIMEOUT_S)
    masters = Masters(cluster, rng)
    chaos, _ = crash(cluster, folder, long_replay, rng, 10 if short else 65, masters.kill, say)
    say(f"masters replaced, and the line at work again, after {', '.join(f'{s:.1f}' for s in masters.back_s)} s")
    assert sum(chaos.lost) > 0, "no acknowledged write was lost: the test shows nothing"
    if not short:  # which runs beside other things, and a bound on time would show how busy they are
        assert max(masters.back_s) <= TIMEOUT_S + TAKEN_OVER_S, masters.back_s
