"""Prometheus's own tools check its config and the alert rules; each alert has a case, and names only what there is."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from services.gateway.metrics import live_metrics as of_gateway
from services.ingestor.metrics import live_metrics as of_ingestor
from services.monitor.metrics import METRICS as OF_MONITOR
from services.strategy.metrics import METRICS as OF_STRATEGY
from shared.bus.memory_bus import MemoryBus
from shared.config import Settings
from shared.runner.backpressure import BusReader
from shared.runner.metrics import PREFIX, LineCollector
from shared.runner.worker import Worker
from tests.unit.runner.test_worker import LIMITS, P, echo_plan

DEPLOY = Path(__file__).parents[3] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yml"
CASES = Path(__file__).parent / "rules_test.yml"
BOARD = DEPLOY / "grafana" / "board.json"
PRESENT = {"source": "ccxt", "exchange": "binance", "markets": {"S1": "S1/USDT"}}
NAME = re.compile(rf"\b{PREFIX}[a-z_]+")
PARTS = re.compile(r"_(bucket|sum|count)$")
promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="Debian's prometheus is not installed")


def alerts() -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


async def names() -> set[str]:
    """Every name that any service tells."""
    settings = Settings(symbols=("S1",), interval="1m", ingestor=PRESENT)
    worker = Worker(echo_plan(), MemoryBus(lease_s=0.5, maxlens={}), BusReader(LIMITS), partitions=P, limits=LIMITS)
    families = await asyncio.to_thread(LineCollector(worker, settings).collect)
    found = {f"{family.name}_total" if family.type == "counter" else family.name for family in families}
    nobody = cast(Any, SimpleNamespace())
    for own in (of_gateway(nobody), of_ingestor(nobody), OF_MONITOR, OF_STRATEGY):
        found |= {f"{PREFIX}{one.name}{'_total' if one.total else ''}" for one in own.gauges}
        found |= {f"{PREFIX}{one.name}_total" for one in own.tallies}
    return found | {f"{PREFIX}build_info"}


def queries() -> Iterator[str]:
    yield from (rule["expr"] for rule in alerts().values())
    yield from re.findall(r'"expr": "(.*)"', BOARD.read_text())


@promtool
@pytest.mark.parametrize("what", [["check", "rules", RULES], ["test", "rules", CASES]], ids=lambda what: what[0])
def test_the_rules(what: list[object]) -> None:
    done = subprocess.run(["promtool", *map(str, what)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@promtool
@pytest.mark.parametrize("config", ["prometheus.yml", "run.yml"])
def test_the_configs(config: str) -> None:
    done = subprocess.run(
        ["promtool", "check", "config", str(RULES.with_name(config))], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    cases = [case for group in yaml.safe_load(CASES.read_text())["tests"] for case in group["alert_rule_test"]]
    for fires in (True, False):
        assert {case["alertname"] for case in cases if bool(case["exp_alerts"]) is fires} == alerts().keys()


async def test_rules_and_board_name_only_what_there_is() -> None:
    used = {PARTS.sub("", name) for query in queries() for name in NAME.findall(query)}
    assert used - await names() == set()


def test_the_board_is_one() -> None:
    board = json.loads(BOARD.read_text())
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len({*ids}) > 0
