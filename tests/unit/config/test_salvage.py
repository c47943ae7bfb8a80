"""What is read of a config that cannot be loaded: what is right of the account, each fault in a line."""

import json
from pathlib import Path

import pytest

from shared.config.gateway import SECRETS
from shared.config.salvage import GATEWAY, readable, salvage

CONFIG = """\
symbols = [
  "BTCUSDT",
]
state_dir = "here"
[strategy]
balance = 1000
[gateway]
mode = "testnet"
venue = "fake"
account = "main"
markets = {BTCUSDT = "BTC/USDT:USDT", ETHUSDT = "ETH/USDT:USDT"}
grace_ms = 300
[gateway.risk]
max_order_notional = 2000
"""
WHOLE = {
    "mode": "testnet", "venue": "fake", "account": "main", "grace_ms": 300,
    "markets": {"BTCUSDT": "BTC/USDT:USDT", "ETHUSDT": "ETH/USDT:USDT"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "gone", "said"),
    [
        ("balance = 1000", 'balance = "much"', "", ""),  # another section's fault is nobody's business here
        ("balance = 1000", "balance = 1000\nbalanse = 1", "", ""),
        ("balance = 1000", "balance = = 1", "", "tickline.toml: line 6 cannot be read"),
        ("[strategy]", "[strategy", "", "tickline.toml: line 5 cannot be read"),
        ("[gateway]", "[gateway", "", "tickline.toml: line 7 cannot be read"),
        ('  "BTCUSDT",\n', '  "BTCUSDT,\n', "", "tickline.toml: line 1 cannot be read"),
        ('account = "main"', 'account = "main', "account", "tickline.toml: line 10 cannot be read"),
        ('account = "main"', 'account = "ma in"', "account", "gateway.account: String should match"),
        ("grace_ms = 300", 'grace_ms = "soon"', "grace_ms", "gateway.grace_ms: Input should be a valid integer"),
        ("grace_ms = 300", "grace_ms = 300\ngracious = 3", "", ""),
        ('mode = "testnet"', 'mode = "test"', "mode", "gateway.mode: "),
    ],
)
def test_one_fault_costs_one_value(old: str, new: str, gone: str, said: str) -> None:
    assert CONFIG.count(old) == 1
    Path("tickline.toml").write_text(CONFIG.replace(old, new))
    found = salvage()
    assert found.gateway == {name: value for name, value in WHOLE.items() if name != gone}
    assert (found.state_dir, found.instance) == (Path("here"), "strategy")
    assert said in "\n".join(found.unread)
    assert bool(said) == bool(found.unread)


def test_one_wrong_market_costs_that_market() -> None:
    Path("tickline.toml").write_text(CONFIG.replace("ETH/USDT:USDT", "ETHUSDT"))
    found = salvage()
    assert found.gateway["markets"] == {"BTCUSDT": "BTC/USDT:USDT"}
    assert found.unread[0].startswith("gateway.markets.ETHUSDT: 'ETHUSDT' is no market")


def test_variables_win_and_an_unknown_one_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("tickline.toml").write_text(CONFIG)
    monkeypatch.setenv("TICKLINE_GATEWAY__ACCOUNT", "other")
    monkeypatch.setenv("TICKLINE_GATEWAY", '{"venue": "ccxt", "exchange": "okx"}')
    monkeypatch.setenv("TICKLINE_STRATEGY__INSTANCE", "second")
    monkeypatch.setenv("TICKLINE_GATEWAY__MARKETS", "none")
    monkeypatch.setenv("TICKLINE_STATE_DIR", "there")
    monkeypatch.setenv("TICKLINE_BUSS", "x")
    found = salvage()
    assert found.gateway == WHOLE | {"account": "other", "venue": "ccxt", "exchange": "okx"}
    assert (found.instance, found.state_dir) == ("second", Path("there"))
    assert found.unread == ["the variable TICKLINE_GATEWAY__MARKETS is no JSON object"]


def test_all_that_leads_to_the_account_and_its_journal_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its keys above all: their folder from the file, or they themselves from variables."""
    known = {
        "keys_dir": "keys", "journal": "sqlite:///j.db", "exchange": "okx", "fake_url": "http://127.0.0.1:1",
        "allow_unlisted": True, "timeout_s": 3.0, "request_validity_ms": 900, **WHOLE,
    }  # fmt: skip
    more = "".join(f"{name} = {json.dumps(value)}\n" for name, value in known.items() if name not in WHOLE)
    Path("tickline.toml").write_text(CONFIG.replace("[gateway.risk]", f"{more}[gateway.risk]") + "broken = = 1\n")
    for name in SECRETS:
        monkeypatch.setenv(f"TICKLINE_GATEWAY__{name.upper()}", name)
    found = salvage().gateway
    assert {name: found[name] for name in known} == known
    assert {name: found[name] for name in SECRETS} == {name: name for name in SECRETS}
    assert found.keys() == GATEWAY, "what was added to it is added here"


def test_a_key_in_the_file_is_neither_used_nor_shown() -> None:
    Path("tickline.toml").write_text(CONFIG.replace("grace_ms = 300", 'grace_ms = 300\napi_key = "hidden"'))
    found = salvage()
    assert "api_key" not in found.gateway
    assert "gateway.api_key does not belong in a config file" in found.unread[0]
    assert "hidden" not in found.unread[0]


def test_no_file_and_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKLINE_CONFIG", "nowhere.toml")
    assert salvage().unread == ["config: TICKLINE_CONFIG names nowhere.toml, which is no file"]
    monkeypatch.delenv("TICKLINE_CONFIG")
    Path("tickline.toml").write_bytes(b"\xff\xfe[\x00g\x00")
    assert salvage().gateway == {}
    Path("tickline.toml").unlink()
    Path("tickline.toml").mkdir()
    assert salvage().gateway == {}


def test_a_value_over_several_lines_ends_at_the_next_header() -> None:
    values, bad = readable('a = [\n"x"\n[gateway]\naccount = "main"\nb = """\ntwo\n"""\n')
    assert values == {"gateway": {"account": "main", "b": "two\n"}}
    assert bad == [1, 2]
