"""What a key may do, out of each exchange's own answer."""

from typing import Any

import pytest

from shared.exchanges.trading.profile import Rights
from tests.unit.exchanges.trading.raw import Raw

BOTH = {"ContractTrade": ["Order", "Position"], "Spot": ["SpotTrade"], "Wallet": ["AccountTransfer"]}


ENDS_MS = 1_905_045_204_000


def binance(*, futures: bool, spot: bool, withdraws: bool = False, ends_ms: int | None = None) -> dict[str, Any]:
    """P: https://developers.binance.com/docs/wallet/account/api-key-permission."""
    return {
        "ipRestrict": True, "enableReading": True, "enableFutures": futures, "enableSpotAndMarginTrading": spot,
        "enableWithdrawals": withdraws, "enableMargin": False, "enableInternalTransfer": False,
        **({"tradingAuthorityExpirationTime": ends_ms} if ends_ms else {}),
    }  # fmt: skip


def bybit(permissions: dict[str, list[str]], read_only: int = 0, **more: Any) -> dict[str, Any]:
    """P: https://bybit-exchange.github.io/docs/v5/user/apikey-info."""
    return {"retCode": 0, "retMsg": "", "result": {"readOnly": read_only, "permissions": permissions, **more}}


def okx(perm: str) -> dict[str, Any]:
    """P: https://www.okx.com/docs-v5/en/#trading-account-rest-api-get-account-configuration."""
    return {"code": "0", "msg": "", "data": [{"perm": perm, "acctLv": "2"}]}


@pytest.mark.parametrize(
    ("exchange", "kind", "answer", "rights"),
    [
        ("binance", "swap", binance(futures=True, spot=False), Rights(trade=True, withdraw=False)),
        ("binance", "swap", binance(futures=False, spot=True), Rights(trade=False, withdraw=False)),
        ("binance", "spot", binance(futures=False, spot=True), Rights(trade=True, withdraw=False)),
        ("binance", "spot", binance(futures=True, spot=False), Rights(trade=False, withdraw=False)),
        ("binance", "spot", binance(futures=True, spot=True, withdraws=True), Rights(trade=True, withdraw=True)),
        *(("bybit", kind, bybit(BOTH), Rights(trade=True, withdraw=False)) for kind in ("swap", "spot")),
        *(("bybit", kind, bybit(BOTH, 1), Rights(trade=False, withdraw=False)) for kind in ("swap", "spot")),
        ("bybit", "swap", bybit({**BOTH, "ContractTrade": []}), Rights(trade=False, withdraw=False)),
        ("bybit", "swap", bybit({**BOTH, "ContractTrade": ["Position"]}), Rights(trade=False, withdraw=False)),
        ("bybit", "swap", bybit(BOTH, ips=["*"], expiredAt="2030-05-15T03:13:24Z"), Rights(True, False, ENDS_MS)),
        ("bybit", "swap", bybit(BOTH, ips=["127.0.0.1"], expiredAt="2030-05-15T03:13:24Z"), Rights(True, False)),
        ("binance", "spot", binance(futures=True, spot=True, ends_ms=ENDS_MS), Rights(True, False, ENDS_MS)),
        ("bybit", "spot", bybit({**BOTH, "Spot": []}), Rights(trade=False, withdraw=False)),
        ("bybit", "spot", bybit({"Spot": ["SpotTrade"], "Wallet": ["Withdraw"]}), Rights(trade=True, withdraw=True)),
        *(("okx", kind, okx("read_only,trade"), Rights(trade=True, withdraw=False)) for kind in ("swap", "spot")),
        *(("okx", kind, okx("read_only"), Rights(trade=False, withdraw=False)) for kind in ("swap", "spot")),
        ("okx", "swap", okx("read_only,withdraw,trade"), Rights(trade=True, withdraw=True)),
    ],
)
async def test_rights(exchange: str, kind: str, answer: dict[str, Any], rights: Rights) -> None:
    paths = {"binance": "/apiRestrictions", "bybit": "/user/query-api", "okx": "/account/config"}
    raw = Raw(exchange, kind, {paths[exchange]: lambda form: answer})
    if exchange == "binance":
        raw.client.enable_demo_trading(False)  # its test system does not tell
    assert await raw.profile.rights(raw.caller) == rights
