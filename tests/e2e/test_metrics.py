"""Debian's Prometheus scrapes a running line, whose services it finds by their files."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest

from tests.e2e.command import Tickline, wait_for
from tests.servers import free_port

PROMETHEUS = shutil.which("prometheus") or ""
CONFIG = Path(__file__).parents[2] / "deploy" / "prometheus" / "run.yml"
SERVICES = {"ingestor", "signal", "strategy", "gateway", "monitor"}


class Prometheus:
    """A Prometheus with the config for `tickline run`, for the files in one folder; it looks every second."""

    def __init__(self, folder: Path, targets: Path) -> None:
        text = CONFIG.read_text().replace("../../.tickline/metrics/*.json", f"{targets}/*.json").replace("5s", "1s")
        (folder / "prometheus.yml").write_text(text)
        shutil.copy(CONFIG.with_name("rules.yml"), folder)
        self.address = f"127.0.0.1:{free_port()}"
        self.log = folder / "prometheus.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    PROMETHEUS, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
                    f"--web.listen-address={self.address}",
                ],
                stdout=log, stderr=log,
            )  # fmt: skip

    def ask(self, query: str) -> dict[str, float]:
        """Returns the value of each service; nothing while it gets ready."""
        try:
            with urlopen(f"http://{self.address}/api/v1/query?query={quote(query)}", timeout=60) as answer:
                said: dict[str, Any] = json.load(answer)
        except OSError:
            assert self.process.poll() is None, self.log.read_text()
            return {}
        return {one["metric"].get("service", ""): float(one["value"][1]) for one in said["data"]["result"]}


class Observed(Tickline):
    """Its services answer Prometheus."""

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "TICKLINE_METRICS__ON": "true"}


@pytest.fixture
def tickline(tmp_path: Path) -> Iterator[Observed]:
    command = Observed(tmp_path)
    yield command
    command.end()


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Prometheus]:
    (tmp_path / "observed").mkdir()
    made = Prometheus(tmp_path / "observed", tmp_path / "metrics")
    yield made
    made.process.terminate()
    made.process.wait(60)


@pytest.mark.long
@pytest.mark.skipif(not PROMETHEUS, reason="Debian's prometheus is not installed")
def test_prometheus_finds_and_scrapes_a_run(tickline: Observed, prometheus: Prometheus, tmp_path: Path) -> None:
    running = tickline.start("run")
    wait_for(lambda: prometheus.ask("up == 1").keys() == SERVICES, "all are up")
    wait_for(lambda: prometheus.ask('tickline_orders_total{status="FILLED"} > 0'), "orders are filled")
    written = "sum by (service) (tickline_messages_written_total)"
    before = prometheus.ask(written)
    wait_for(lambda: prometheus.ask(written)["signal"] > before["signal"], "it goes on")
    assert prometheus.ask("sum by (service) (tickline_hop_seconds_count) > 0").keys() >= {"signal", "strategy"}
    assert prometheus.ask("sum by (service) (tickline_leases)").items() >= {"signal": 8, "gateway": 8}.items()
    assert prometheus.ask("sum by (service) (tickline_book_equity_quote) > 0").keys() == {"strategy"}
    assert prometheus.ask('tickline_decisions_total{answer="ORDERED"} > 0').keys() == {"strategy"}
    wait_for(
        lambda: prometheus.ask("sum by (service) (tickline_drift_state)") == {"monitor": 1}, "the edge has a state"
    )
    began = prometheus.ask("process_start_time_seconds")["signal"]
    tickline.service("signal").kill()
    again = f'process_start_time_seconds{{service="signal"}} > {began} and on (service) up == 1'
    wait_for(lambda: prometheus.ask(again), "its next process is found")
    running.interrupt()
    done = running.done()
    assert done.code == 0, done.err
    assert f"metrics: {tmp_path}/metrics/*.json says where, for file_sd" in done.err
    assert list((tmp_path / "metrics").iterdir()) == []
