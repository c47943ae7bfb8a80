"""The gateway's settings say where orders go, as whom, and with which keys."""

import re
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, SecretStr, model_validator

from shared.config.risk import RiskSettings
from shared.config.section import Count, Instance, Positive, Section
from shared.errors import ConfigError

SECRETS = ("api_key", "api_secret", "api_password")  # from variables or files, never from the config file
PAPER_ACCOUNT = "paper"
ACCOUNT = r"^[A-Za-z0-9_-]{1,40}$"  # an account's name


def _as_ccxt_writes_it(name: str) -> str:
    part = r"[^\s/:]{1,40}"  # coins have letters of any script and case: 币安人生, kPEPE
    if not (re.fullmatch(f"{part}/{part}(:{part})?", name) and name.isprintable()):
        raise ValueError(f"{name[:40]!r} is no market: write it as ccxt does, e.g. BTC/USDT:USDT, or BTC/USDT on spot")
    return name


Market = Annotated[str, AfterValidator(_as_ccxt_writes_it)]


class Mode(StrEnum):
    """The mode says how real an order is."""

    PAPER = "paper"
    TESTNET = "testnet"
    LIVE = "live"


ON_PAPER = {"mode": Mode.PAPER, "venue": "paper"}  # of what is tried on the past, whatever account the config trades


class GatewaySettings(Section):
    """These settings configure the gateway.

    Where orders go:

    - mode: paper fills orders by itself; testnet and live send them, and what adds exposure needs `tickline arm`.
    - venue: ccxt sends to `exchange` (ccxt's id), fake to the simulator that comes with Tickline, at `fake_url`.
    - account: the account's name, for the journal and for `tickline arm`.
    - allow_unlisted: accept an exchange without a profile here.
    - markets: symbol -> ccxt market, e.g. BTCUSDT = "BTC/USDT:USDT".
    - margin, leverage: the gateway sets these at the venue and reads them back.
    - api_key, api_secret, api_password: from variables (TICKLINE_GATEWAY__API_KEY ...), or from files of these names
      in `keys_dir`.
    - journal: a URL; empty means SQLite in state_dir, and none with paper.

    The paper venue:

    - fee: rate of each leg's notional, paid from the balance.
    - slippage_bps: against the order.

    Times:

    - timeout_s: of one request.
    - request_validity_ms: how long after its signature the venue may accept an order.
    - grace_ms: how long after that an answer about an unknown order is not yet final.
    - reconcile_s: time between two comparisons of journal and venue.
    - markets_s: time between two reads of the venue's market rules.
    - markets_pause_s: the least time between two such reads when refusals of orders suggest new rules.
    - max_clock_skew_ms: the most that the venue's clock and ours may differ; beyond it nothing adds exposure.
    - unknown_alarm_s: an order that has been UNKNOWN for so long calls for a person.
    """

    instance: Instance = "gateway"
    mode: Mode = Mode.PAPER
    venue: Literal["paper", "ccxt", "fake"] = "paper"
    account: Annotated[str, Field(pattern=ACCOUNT)] = PAPER_ACCOUNT
    fee: Annotated[Decimal, Field(ge=0, lt=1, allow_inf_nan=False)] = Decimal("0.0003")
    slippage_bps: Annotated[Decimal, Field(ge=0, lt=5_000, allow_inf_nan=False)] = Decimal(0)
    exchange: Annotated[str, Field(pattern=r"^[a-z0-9_]{0,40}$")] = ""
    fake_url: str = "http://127.0.0.1:8900"
    allow_unlisted: bool = False
    markets: dict[str, Market] = Field(default_factory=dict)
    margin: Literal["isolated"] = "isolated"
    leverage: Annotated[int, Field(ge=1, le=125)] = 1
    api_key: SecretStr = SecretStr("")
    api_secret: SecretStr = SecretStr("")
    api_password: SecretStr = SecretStr("")
    keys_dir: Path | None = None
    journal: str = ""
    timeout_s: Positive = 10.0
    request_validity_ms: Count = 5_000
    grace_ms: Count = 5_000
    reconcile_s: Positive = 30.0
    markets_s: Positive = 3_600.0
    markets_pause_s: Positive = 10.0
    max_clock_skew_ms: Count = 2_000
    unknown_alarm_s: Positive = 60.0
    risk: RiskSettings = RiskSettings()

    @model_validator(mode="after")
    def _fits_together(self) -> "GatewaySettings":
        if (self.mode is Mode.PAPER) != (self.venue == "paper"):
            raise ValueError(f"mode {self.mode} does not go with venue {self.venue}: ccxt and fake are testnet or live")
        if self.mode is Mode.PAPER:
            return self
        if self.account == PAPER_ACCOUNT:
            raise ValueError("name the account, another than paper: `tickline arm` asks for this name")
        if self.venue == "ccxt" and not self.exchange:
            raise ValueError("venue ccxt needs an exchange, by ccxt's id, e.g. binance")
        if len(set(self.markets.values())) != len(self.markets):
            raise ValueError("markets names one market for two symbols: each book needs a market of its own")
        return self


MAX_BYTES = 4_096


class Keys(NamedTuple):
    """The keys of an account print as **********. api_password: only some venues have one."""

    api_key: SecretStr
    api_secret: SecretStr
    api_password: SecretStr


def read_keys(gateway: GatewaySettings) -> Keys:
    """Reads the keys from variables, or else from the files in keys_dir; only what speaks to the venue calls this.

    Raises ConfigError, without the keys' content, where there are none.

    >>> read_keys(GatewaySettings(api_key=SecretStr("k"), api_secret=SecretStr("s"))).api_key
    SecretStr('**********')
    """
    given = Keys(gateway.api_key, gateway.api_secret, gateway.api_password)
    folder = gateway.keys_dir
    if folder is not None:
        if any(given):
            raise ConfigError("config: keys are given by variables and in gateway.keys_dir: keep one of the two")
        given = Keys(*(_read_key(folder / name, needed=name != "api_password") for name in SECRETS))
    if not given.api_key or not given.api_secret:
        raise ConfigError(
            "config: no keys: set TICKLINE_GATEWAY__API_KEY and TICKLINE_GATEWAY__API_SECRET, or gateway.keys_dir "
            "to a folder with the files api_key and api_secret"
        )
    return given


def _read_key(path: Path, *, needed: bool) -> SecretStr:
    return read_secret(path) if needed or path.exists() else SecretStr("")


def read_secret(path: Path) -> SecretStr:
    """Returns a file's one line; raises ConfigError, without its content, when it holds something else."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError(f"config: the key file {path} cannot be read: {why}") from None
    if not text or len(text) > MAX_BYTES or not text.isprintable() or " " in text:
        raise ConfigError(f"config: the key file {path} must hold one key on one line")
    return SecretStr(text)
