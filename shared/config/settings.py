"""All settings come from `tickline.toml`, or the file that TICKLINE_CONFIG names, and from `TICKLINE_…` variables.

A variable wins over the file: TICKLINE_BUS__URL is `url` in `[bus]`. Unknown keys raise ConfigError.
"""

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from shared.config.gateway import SECRETS, GatewaySettings, Mode
from shared.config.ingestor import IngestorSettings
from shared.config.monitor import AlertSettings, MonitorSettings
from shared.config.protect import protect_misfits
from shared.config.recorder import RecorderSettings
from shared.config.section import Count, Instance, Positive, Section
from shared.config.strategy import NO_LIMIT, StrategySettings, misfits
from shared.errors import ConfigError
from shared.intervals import NS_PER_S, TRADE, interval_ns
from shared.user_code import use_folder

PREFIX = "TICKLINE_"
CONFIG_VARIABLE = "TICKLINE_CONFIG"
DEFAULT_FILE = "tickline.toml"
WEIGHTS = "weights"
SHIPPED = Path(__file__).parents[2] / WEIGHTS
SIMULATED_SYMBOLS = tuple(f"SIM-{letter}" for letter in "ABCDEFGH")


class BusSettings(Section):
    """These settings configure the bus.

    The server:

    - url: empty means an embedded server, which only `tickline run` starts.
    - password_file: holds the password of the user that the url names, e.g. redis://ingestor@HOST:6379/0.
    - folder: the embedded server's data.
    - namespace: the prefix of all keys.
    - partitions: fixed at the first start on a bus.
    - timeout_s: of one request. start_timeout_s: how long a start waits for the server.
    - lease_s: how long an owner keeps a partition without a renewal.

    Bounds:

    - market_maxlen: entries of a stream of ticks, features, predictions, decisions or the monitor's readings.
    - bound: entries that a producer may be ahead of its consumer before it waits.
    - dead_maxlen: entries of a stream of dead letters.
    - read_count, commit_entries: entries of one read, and of one commit.
    - trim_age_s: the age below which no order and no execution is trimmed.
    - keep_runs: replays whose streams stay on the bus.
    - raise_after_s: how long every replica must know a newer wire before one is written; until then an older Tickline
      can take over again.
    """

    url: str = ""
    password_file: Path | None = None
    folder: Path = Path(".tickline/bus")
    namespace: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")] = "tickline"
    partitions: Annotated[int, Field(ge=1, le=1024)] = 8
    lease_s: Positive = 3.0
    timeout_s: Positive = 2.0
    start_timeout_s: Positive = 10.0
    market_maxlen: Count = 100_000
    dead_maxlen: Count = 10_000
    bound: Count = 2_000
    read_count: Count = 256
    commit_entries: Count = 512
    trim_age_s: Positive = 60.0
    keep_runs: Count = 10
    raise_after_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 600.0


class SignalSettings(Section):
    """These settings configure the signal service.

    - model: a name, the path of a card, or `auto`, which takes the one card that fits symbols and interval. Testnet and
      live need a name or a path. `none`: there is no model, and a strategy of rules trades.
    - weights: the folder of the models; without it `weights` in the config's folder, then the shipped models.
    """

    instance: Instance = "signal"
    model: str = "auto"
    weights: Path | None = None

    @property
    def home(self) -> Path:
        """Returns the folder into which `tickline train` writes a model."""
        return self.weights if self.weights is not None else config_folder() / WEIGHTS

    @property
    def folders(self) -> tuple[Path, ...]:
        """Returns the folders to search for a model's name, in order."""
        if self.weights is not None:
            return (self.weights,)
        own = self.home
        return (own, SHIPPED) if own.is_dir() and not own.samefile(SHIPPED) else (SHIPPED,)


class MetricsSettings(Section):
    """These settings configure the metrics of every service.

    - on: whether each service answers `GET /metrics`.
    - host: the address that it listens at; beyond 127.0.0.1 anybody who reaches it reads what the books are worth.
    - port: 0 means a free one, which the service writes to `metrics/SERVICE.json` below `state_dir`, for file_sd.
    """

    on: bool = False
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 0


class Settings(BaseSettings):
    """The config has a section per service.

    - run_id: names a replay, whose streams have a namespace of their own.
    - user_code: the folder of your own strategies, features and models; without it the config's folder.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    interval: str = "1s"
    symbols: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=64)], ...], Field(min_length=1)] = (
        SIMULATED_SYMBOLS
    )
    run_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,40}$")] = ""
    state_dir: Path = Path(".tickline")
    user_code: Path | None = None
    bus: BusSettings = BusSettings()
    ingestor: IngestorSettings = IngestorSettings()
    signal: SignalSettings = SignalSettings()
    strategy: StrategySettings = StrategySettings()
    gateway: GatewaySettings = GatewaySettings()
    recorder: RecorderSettings = RecorderSettings()
    monitor: MonitorSettings = MonitorSettings()
    alerts: AlertSettings = AlertSettings()
    metrics: MetricsSettings = MetricsSettings()

    @model_validator(mode="after")
    def _fits_together(self) -> "Settings":
        if not (self.interval == TRADE and self.ingestor.source in ("ccxt", "replay")):
            interval_ns(self.interval)
        self._ingestor_fits()
        if self.ingestor.source == "replay":
            if not self.run_id:
                raise ValueError("a replay needs a run_id: `tickline run` makes one")
            if set(self.ingestor.files) != set(self.symbols):
                raise ValueError("ingestor.files must name one file for each of symbols, and no other")
            if self.gateway.mode is not Mode.PAPER:
                mode = self.gateway.mode
                raise ValueError(f"gateway.mode is {mode}, but ingestor.source is replay: the past is not traded")
        self._gateway_fits()
        return self

    def _ingestor_fits(self) -> None:
        """Raises ValueError where the ingestor's section does not go with the rest; see `_fits_together`."""
        own = self.ingestor
        if own.source != "ccxt":
            return
        where = "ingestor.venues" if own.venues else "ingestor.markets"
        if own.live_symbols != set(self.symbols):
            raise ValueError(f"{where} must name one market for each of symbols, and no other")
        for name, venue in own.each_venue.items():
            if venue.stream == "candles" and self.interval == TRADE:
                key = f"venues.{name}.stream" if own.venues else "stream"
                raise ValueError(f"interval trade needs ingestor.{key} = trades")

    def _gateway_fits(self) -> None:
        """Raises ValueError where the gateway's section does not go with the rest."""
        own, past = self.gateway, self.ingestor.source == "replay"  # it may be of other symbols than the config's
        if not past and (own.venue == "ccxt" or own.markets) and set(own.markets) != set(self.symbols):
            raise ValueError("gateway.markets must name one market for each of symbols, and no other")
        if self.ingestor.source == "fake" and own.venue == "ccxt":
            raise ValueError("ingestor.source is fake, but gateway.venue is ccxt: its prices are of no real market")
        if not past and (unknown := set(own.risk.symbols) - set(self.symbols)):
            raise ValueError(f"gateway.risk.symbols names {', '.join(sorted(unknown))}, which symbols does not")
        if not past and (unknown := self.strategy.qty_steps.keys() - set(self.symbols)):
            raise ValueError(f"strategy.qty_steps names {', '.join(sorted(unknown))}, which symbols does not")
        limit_bps = self.strategy.limit_bps
        if limit_bps is not None and own.slippage_bps > limit_bps:
            raise ValueError(
                f"gateway.slippage_bps is {own.slippage_bps:f}, and strategy.max_slippage_bps {limit_bps:f}: no order "
                f'that adds would be filled: raise the second, or set it to "{NO_LIMIT}"'
            )
        if misfit := next(protect_misfits(self.strategy, own), ""):
            raise ValueError(misfit)
        interval_s = 0.0 if self.interval == TRADE else interval_ns(self.interval) / NS_PER_S
        if own.mode is not Mode.PAPER and (misfit := next(misfits(self.strategy, own, interval_s), "")):
            raise ValueError(misfit)

    @property
    def bars_by_clock(self) -> bool:
        """Says whether each symbol has a bar whenever the clock says so; single trades come when somebody trades."""
        return self.ingestor.is_at_present and self.interval != TRADE

    @property
    def code_folder(self) -> Path:
        """Returns the folder in which specs of users' code, `file.py:Class`, are looked for."""
        return (self.user_code if self.user_code is not None else config_folder()).absolute()

    @property
    def namespace(self) -> str:
        """Returns the prefix of the keys on the bus: the config's, or the replay's own."""
        base = self.bus.namespace
        return f"{base}.replay.{self.run_id}" if self.ingestor.source == "replay" else base

    @property
    def journal_url(self) -> str:
        """Returns the journal's URL; empty for paper, which needs none."""
        own = self.gateway
        if own.mode is Mode.PAPER or own.journal:
            return own.journal
        return f"sqlite:///{self.state_dir.absolute() / f'journal-{own.account}.db'}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Ranks the sources: arguments in code, then variables, then the file."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, file_values())


def load_settings(**given: object) -> Settings:
    """Returns the settings; raises ConfigError, which names the key."""
    _refuse_unknown_variables()
    try:
        settings = Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = "".join(f"{part}." for part in first["loc"]).removesuffix(".")
        name = next((str(part) for part in reversed(first["loc"]) if isinstance(part, str)), "")
        what = _what_is_wrong(first["type"], first["msg"], name)
        raise ConfigError(f"config: {where}{': ' if where else ''}{what}") from error
    except SettingsError as error:  # of a variable that holds more than one value
        field = re.search(r'field "(\w+)"', str(error))
        name = f"{PREFIX}{field[1].upper()}" if field else "a variable"
        raise ConfigError(
            f'config: {name} is no JSON: write a list as \'["A", "B"]\', a table as \'{{"a": 1}}\''
        ) from error
    except (ValueError, OSError) as error:
        raise ConfigError(f"config: {error}") from error
    use_folder(settings.user_code or config_folder())  # a spec in a card or a config has no folder beside it
    return settings


def _what_is_wrong(kind: str, text: str, name: str) -> str:
    """Returns Pydantic's message, or a better one where its own helps nobody. name: the key's."""
    if kind in ("tuple_type", "list_type"):
        return f'it must be a list, also of one: write {name} = ["..."]'
    if kind in ("dict_type", "model_type", "model_attributes_type"):
        return f'it must be a table: write {name} = {{KEY = "..."}}, or [{name}] and its keys below'
    if kind == "extra_forbidden":
        return "there is no such key: correct its name, or take it out"
    return text.removeprefix("Value error, ")


def file_values() -> dict[str, object]:
    """Returns the config file's values, unchecked; an empty map where there is no file. Raises ConfigError."""
    path = config_path()
    try:
        # Editors on Windows begin a file with a byte order mark.
        written: dict[str, object] = {} if path is None else tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"config: {path}: not UTF-8 text: save it in UTF-8") from error
    except (ValueError, OSError) as error:  # not TOML, not readable
        raise ConfigError(f"config: {path}: {error}") from error
    gateway = written.get("gateway")
    for name in SECRETS:
        if isinstance(gateway, dict) and name in gateway:
            raise ConfigError(
                f"config: {path}: gateway.{name} does not belong in a config file: put it into a file {name} in the "
                f"folder gateway.keys_dir, or into {PREFIX}GATEWAY__{name.upper()}"
            )
    return written


def config_folder() -> Path:
    """Returns the folder of the config file, whether or not there is one."""
    named = os.environ.get(CONFIG_VARIABLE)
    return Path(named).parent if named else Path()


def config_path() -> Path | None:
    """Returns the config file, if there is one; raises ConfigError where TICKLINE_CONFIG names a missing one."""
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        if not Path(named).is_file():
            raise ConfigError(f"config: {CONFIG_VARIABLE} names {named}, which is no file")
        return Path(named)
    return Path(DEFAULT_FILE) if Path(DEFAULT_FILE).is_file() else None


def _refuse_unknown_variables() -> None:
    fields = {f"{PREFIX}{name.upper()}": field.annotation for name, field in Settings.model_fields.items()}
    known = fields.keys() | {CONFIG_VARIABLE, "TICKLINE_WITH_PARENT"}
    sections = {name for name, kind in fields.items() if isinstance(kind, type) and issubclass(kind, Section)}
    for name in os.environ:
        head, nested, _ = name.partition("__")
        if not name.startswith(PREFIX) or name.startswith(f"{PREFIX}TEST_"):
            continue
        if head not in (sections if nested else known):
            raise ConfigError(f"config: the variable {name} is unknown; nested keys are written {PREFIX}BUS__URL")
