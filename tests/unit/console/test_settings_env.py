"""Settings handed to a service through its environment are the same settings."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.console.supervisor import as_environment
from shared.config import Settings, load_settings

CHANGED = {
    "interval": "12h",
    "symbols": ("BTCUSDT", "Ω/USD", "1"),
    "run_id": "20251122-1",
    "state_dir": "/tmp/a folder",
    "bus": {"url": "redis://user:p%40ss@127.0.0.1:6379/0", "partitions": 3, "lease_s": 0.25},
    "ingestor": {
        "source": "replay", "seed": -5, "limit": 7, "ticks_per_s": 0.1,
        "files": {"BTCUSDT": "/data/a b.csv", "Ω/USD": "b.parquet", "1": "c.csv"},
    },
    "signal": {"model": 'a "quoted" name'},
    "strategy": {"params": {"netting": True, "leverage": 2, "deep": [1, None, {"x": "y"}]}, "balance": "0.10"},
    "gateway": {"fee": "0.00030", "slippage_bps": "1.5"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def handed_over(given_settings: Settings) -> Settings:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in as_environment(given_settings).items():
            patch.setenv(name, value)
        return load_settings()


def test_the_defaults() -> None:
    assert handed_over(Settings()) == Settings()


def test_every_kind_of_value() -> None:
    changed = load_settings(**CHANGED)
    assert handed_over(changed) == changed
    assert str(handed_over(changed).strategy.balance) == "0.10"
    assert str(handed_over(changed).gateway.fee) == "0.00030"


def test_several_venues() -> None:
    venues = {"perp": {"exchange": "binanceusdm", "markets": {"B": "B/U:U"}}, "okx": {"markets": {"E": "E/U"}}}
    made = load_settings(symbols=("B", "E"), ingestor={"source": "ccxt", "grace_s": 3, "venues": venues})
    assert handed_over(made) == made


def test_neither_a_file_nor_another_variable_changes_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = load_settings(**CHANGED)
    Path("tickline.toml").write_text("[strategy]\nname = 'threshold'\n[ingestor]\nlimit = 3\n")
    monkeypatch.setenv("TICKLINE_INTERVAL", "5m")
    assert handed_over(changed) == changed


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    balance=st.decimals(min_value=Decimal("1e-12"), max_value=Decimal("1e15"), allow_nan=False),
    rate=st.floats(min_value=0, max_value=1e6),
    sym=st.text(min_size=1, max_size=64).filter(lambda text: text.isprintable()),
)
def test_numbers_and_names_arrive_as_they_were(balance: Decimal, rate: float, sym: str) -> None:
    made = load_settings(symbols=(sym,), strategy={"balance": balance}, ingestor={"ticks_per_s": rate})
    found = handed_over(made)
    assert found == made
    assert str(found.strategy.balance) == str(made.strategy.balance)
