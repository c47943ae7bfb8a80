"""The options say which account of which exchange trades, how, and with which keys."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from pydantic import SecretStr

from shared.config import Mode, Settings
from shared.config.gateway import read_keys
from shared.errors import ConfigError, printable
from shared.exchanges.registry import trading_class

HIDDEN = "***"
_SIGNED = re.compile(r"(?i)((?:signature|sign|api_?key|listenkey|passphrase)[\"']?\s*[=:]\s*[\"']?)[^&\s\"',}]+")
MOST = 300


@dataclass(frozen=True)
class Credentials:
    """Credentials are an API key, kept out of everything that is shown. password: what OKX calls a passphrase.

    >>> Credentials(SecretStr("abc"), SecretStr("def"))
    Credentials(api_key=SecretStr('**********'), secret=SecretStr('**********'), password=None)
    """

    api_key: SecretStr
    secret: SecretStr
    password: SecretStr | None = None

    def by_name(self, names: Mapping[str, str]) -> dict[str, str]:
        """Returns the parts by ccxt's names of them. names: of those that ccxt calls otherwise at an exchange.

        >>> sorted(Credentials(SecretStr("abc"), SecretStr("def")).by_name({"secret": "privateKey"}))
        ['apiKey', 'password', 'privateKey']
        """
        password = self.password.get_secret_value() if self.password else ""
        parts = {
            "apiKey": self.api_key.get_secret_value(),
            "secret": self.secret.get_secret_value(),
            "password": password,
        }
        return {names.get(name, name): part for name, part in parts.items()}

    def check_complete(
        self, exchange: str, asked_for: Mapping[str, bool], names: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Raises a ConfigError where the exchange's keys have a part that was not given. asked_for: by ccxt's names.

        - names: as in `by_name`.
        """
        given = {name for name, part in self.by_name(names).items() if part}
        lacking = sorted({name for name, needed in asked_for.items() if needed} - given)
        if lacking == ["password"]:
            raise ConfigError(
                f"config: a key of {exchange} has a password (passphrase): put it into a file api_password in the "
                "folder gateway.keys_dir, or into TICKLINE_GATEWAY__API_PASSWORD"
            )
        if lacking:
            raise ConfigError(f"[gateway] exchange {exchange} asks for {', '.join(lacking)}: it cannot be traded here")

    def redact(self, text: str) -> str:
        """Returns the text in one line that can be kept and shown, without keys, and no longer than a person reads.

        >>> keys = Credentials(SecretStr("abc"), SecretStr("def"))
        >>> keys.redact("GET https://x/y?key=abc&signature=0123456789 failed")
        'GET https://x/y?key=***&signature=*** failed'
        >>> keys.redact("bad\\x00 symbol\\ud800")
        'bad? symbol?'
        """
        for secret in (self.api_key, self.secret, self.password):
            if secret is not None and secret.get_secret_value():
                text = text.replace(secret.get_secret_value(), HIDDEN)
        return printable(" ".join(_SIGNED.sub(rf"\g<1>{HIDDEN}", text).split())[:MOST])


@dataclass(frozen=True)
class VenueOptions:
    """VenueOptions say which account of which exchange is traded, and how.

    - exchange: ccxt's name
    - markets: symbol -> ccxt's market, e.g. {"BTCUSDT": "BTC/USDT:USDT"}
    - leverage: of every swap, isolated
    - allow_unlisted: also an exchange without a profile
    - base_url: instead of the exchange's hosts
    - timeout_s: of one request; attempts: of a read
    - throttled: reads are spaced as ccxt knows the exchange wants it; orders never are
    """

    exchange: str
    markets: Mapping[str, str]
    mode: Literal["testnet", "live"] = "testnet"
    leverage: int = 1
    allow_unlisted: bool = False
    base_url: str = ""
    timeout_s: float = 10.0
    attempts: int = 5
    throttled: bool = True
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def kinds(self) -> frozenset[str]:
        """Returns the kinds of its markets, `swap` or `spot`.

        >>> sorted(VenueOptions("okx", {"A": "A/USDT", "B": "B/USDT:USDT"}).kinds)
        ['spot', 'swap']
        """
        return frozenset("swap" if ":" in market else "spot" for market in self.markets.values())

    @property
    def kind(self) -> str:
        """Returns the one kind that an account holds; ConfigError where its markets are of none or of both."""
        if not self.markets:
            raise ConfigError(
                '[gateway] markets is empty: name the market of each symbol, e.g. BTCUSDT = "BTC/USDT:USDT"'
            )
        if len(self.kinds) > 1:
            raise ConfigError(
                "[gateway] markets has swaps and spot markets: an account here holds one kind; give the other kind an "
                "account, and a line, of its own"
            )
        return next(iter(self.kinds))


FAKE_EXCHANGE = "binance"


def venue_options(settings: Settings) -> VenueOptions:
    """Returns what the config says of the venue; ConfigError in paper, which has none."""
    own = settings.gateway
    if own.mode is Mode.PAPER:
        raise ConfigError("config: gateway.mode is paper: there is no venue to speak to")
    fake = own.venue == "fake"
    mode: Literal["testnet", "live"] = "live" if own.mode is Mode.LIVE else "testnet"
    return VenueOptions(
        exchange=own.exchange or (FAKE_EXCHANGE if fake else ""),
        markets=own.markets,
        mode=mode,
        leverage=own.leverage,
        allow_unlisted=own.allow_unlisted,
        base_url=own.fake_url if fake else "",
        timeout_s=own.timeout_s,
        throttled=not fake,
    )


def credentials_of(settings: Settings) -> Credentials:
    """Returns the key that the config names; a made-up one for the simulator, unless there is one."""
    own = settings.gateway
    if own.venue == "fake" and own.keys_dir is None and not own.api_key:
        return fake_keys(own.exchange or FAKE_EXCHANGE)
    keys = read_keys(own)
    return Credentials(keys.api_key, keys.api_secret, keys.api_password if keys.api_password else None)


def fake_keys(exchange: str) -> Credentials:
    """Returns those of the simulator's account in the dialect of an exchange."""
    key, secret, password = trading_class(exchange).fake_keys
    return Credentials(SecretStr(key), SecretStr(secret), SecretStr(password) if password else None)
