import pytest
from pydantic import SecretStr

from shared.errors import ConfigError
from shared.exchanges.trading.ccxt_venue import CcxtVenue
from shared.exchanges.trading.options import Credentials, VenueOptions

KEYS = Credentials(SecretStr("the-key"), SecretStr("the-secret"), SecretStr("the-word"))


@pytest.mark.parametrize(
    "text",
    [
        "binance GET https://fapi.binance.com/fapi/v1/order?symbol=X&timestamp=1&signature=deadbeef12 Service",
        'headers {"X-MBX-APIKEY": "the-key", "signature": "deadbeef12"}',
        "OK-ACCESS-PASSPHRASE: the-word OK-ACCESS-SIGN: deadbeef12",
        "https://api.bybit.com/x?api_key=the-key&sign=deadbeef12",
        "a secret, the-secret, in\nsome text",
    ],
)
def test_no_secret_and_no_signature_is_left(text: str) -> None:
    shown = KEYS.redact(text)
    assert not any(word in shown for word in ("the-key", "the-secret", "the-word", "deadbeef12"))
    assert "\n" not in shown and "***" in shown


def test_nothing_of_it_is_in_any_form_of_the_keys() -> None:
    assert not any(word in f"{KEYS!r} {KEYS!s}" for word in ("the-key", "the-secret", "the-word"))


def test_a_long_text_is_cut() -> None:
    assert len(KEYS.redact("x" * 10_000)) == 300


def test_a_key_without_a_part_that_the_exchange_asks_for() -> None:
    two = Credentials(SecretStr("the-key"), SecretStr("the-secret"))
    okx = {"apiKey": True, "secret": True, "password": True, "uid": False}
    KEYS.check_complete("okx", okx)
    two.check_complete("binance", okx | {"password": False})
    with pytest.raises(ConfigError, match=r"a key of okx has a password .* api_password"):
        two.check_complete("okx", okx)
    with pytest.raises(ConfigError, match="exchange dex asks for privateKey, walletAddress"):
        KEYS.check_complete("dex", {"walletAddress": True, "privateKey": True})


def test_an_account_holds_one_kind() -> None:
    markets = {"BTCUSDT": "BTC/USDT:USDT", "ETHUSDT": "ETH/USDT"}
    with pytest.raises(ConfigError, match="swaps and spot markets: an account here holds one kind"):
        CcxtVenue(VenueOptions("bybit", markets), KEYS)
