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
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

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
        found |= {f"{PREFIX}{one.name}_total" for one in own.counters}
    return found | {f"{PREFIX}build_info"}


def queries() -> Iterator[str]:
    yield from (rule["expr"] for rule in alerts().values())
    for panel in json.loads(BOARD.read_text())["panels"]:
        yield from (query["expr"] for query in panel.get("targets", ()))


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


@promtool
def test_the_queries_of_the_board(tmp_path: Path) -> None:
    asked = [query for panel in json.loads(BOARD.read_text())["panels"] for query in panel.get("targets", ())]
    rules = [{"record": "a:b", "expr": query["expr"].replace("$__rate_interval", "1m")} for query in asked]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": rules}]}))
    done = subprocess.run(
        ["promtool", "check", "rules", "--lint=none", str(tmp_path / "rules.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert rules
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_board_has_only_what_grafana_knows() -> None:
    """Grafana's own types, of the newest version that there are types of, take all of it."""
    register_default_plugins()
    board = json.loads(BOARD.read_text())
    known = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(board)))
    assert list(lost(board, known)) == []
    assert list(lost({"panels": [{"gridPos": {"z": 1}}]}, {"panels": [{"gridPos": {"x": 1}}]})) == [
        ".panels[0].gridPos.z"
    ]


def lost(given: Any, known: Any, at: str = "") -> Iterator[str]:
    """Yields where something given is not known."""
    if isinstance(given, dict):
        for name, value in given.items():
            if name in known:
                yield from lost(value, known[name], f"{at}.{name}")
            else:
                yield f"{at}.{name}"
    elif isinstance(given, list):
        for i, (one, other) in enumerate(zip(given, known, strict=True)):
            yield from lost(one, other, f"{at}[{i}]")
    elif given != known:
        yield at


def test_the_board_asks_the_source_that_is_provisioned() -> None:
    board = json.loads(BOARD.read_text())
    (source,) = yaml.safe_load(BOARD.with_name("datasource.yml").read_text())["datasources"]
    asked = {panel["datasource"]["uid"] for panel in board["panels"] if panel["type"] != "row"}
    ids = [panel["id"] for panel in board["panels"]]
    assert asked == {source["uid"]}
    assert len(ids) == len({*ids})


def test_compose_publishes_both_for_this_machine_alone_and_asks_where_the_services_listen() -> None:
    observed = yaml.safe_load((DEPLOY.parent / "docker-compose.observe.yml").read_text())["services"]
    assert all(port.startswith("127.0.0.1:") for one in observed.values() for port in one["ports"])
    assert all(re.search(r":v?\d+\.\d+\.\d+$", one["image"]) for one in observed.values())
    line = yaml.safe_load((DEPLOY.parent / "docker-compose.yml").read_text())["services"]
    ports = {name: one.get("environment", {}).get("TICKLINE_METRICS__PORT") for name, one in line.items()}
    (job,) = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    (dns,) = job["dns_sd_configs"]
    assert {name: str(dns["port"]) for name in dns["names"]} == {name: port for name, port in ports.items() if port}


def test_compose_takes_both_files_together(tmp_path: Path) -> None:
    """Compose needs neither an engine nor an image for that. Grafana is in no network of a service."""
    if not shutil.which("docker") or subprocess.run(["docker", "compose", "version"], check=False).returncode:
        pytest.skip("docker compose is not installed")
    files = [word for name in ("", ".observe") for word in ("-f", str(DEPLOY.parent / f"docker-compose{name}.yml"))]
    nothing = tmp_path / ".env"  # a person's own says nothing here
    nothing.touch()
    done = subprocess.run(
        ["docker", "compose", "--env-file", str(nothing), *files, "config", "--format", "json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    whole = json.loads(done.stdout)
    networks = {name: set(one.get("networks", ())) for name, one in whole["services"].items()}
    assert networks["prometheus"] == {"line", "observe"}
    assert networks["grafana"] == {"observe"}
    (job,) = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    assert all("line" in networks[name] for name in job["dns_sd_configs"][0]["names"])
    mounted = [Path(one["source"]) for name in ("prometheus", "grafana") for one in whole["services"][name]["volumes"]
               if one["type"] == "bind"]  # fmt: skip
    assert len(mounted) == 4
    assert all(path.exists() for path in mounted)
