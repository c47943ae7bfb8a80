"""`tickline run --venue fake`: a try-out's config, the file that other verbs find it in, and the exchange's process."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import SecretStr

from services.console.options import named_values
from services.console.settings import RunOptions, recorder_values
from shared.config import Settings, load_settings
from shared.config.gateway import SECRETS
from shared.config.settings import CONFIG_VARIABLE, PREFIX
from shared.config.toml import toml_lines
from shared.errors import ConfigError, VenueError
from shared.models.card import ModelRefused
from shared.models.choose import AUTO, NO_MODEL, choose_model
from shared.runner.process import PYTHON, WITH_PARENT

ACCOUNT = "fake"
STOP_TIMEOUT_S = 10.0
INTERVAL = "1s"
MARKETS = {"BTCUSDT": "BTC/USDT:USDT", "ETHUSDT": "ETH/USDT:USDT"}
STRATEGY = "threshold"
PARAMS = {"threshold": 0.001}  # what two legs cost: smaller predictions are not worth an order
NOT_HERE = {"data": "--data", "rate": "--rate", "run_id": "--run-id", "fee": "--fee"}
KEYS = {"api_key": SecretStr("fake-key"), "api_secret": SecretStr("fake-secret"), "api_password": SecretStr("")}


def fake_settings(options: RunOptions) -> Settings:
    """Returns a try-out's config; of the user's the folders, the bus, the seed, wrappers, steps and alerts count.

    Raises ConfigError.
    """
    for name, option in NOT_HERE.items():
        if getattr(options, name) not in (None, []):
            raise ConfigError(
                f"{option} does not go with --venue fake: the fake exchange has a market and fees of its own"
            )
    symbols = list(options.sym or MARKETS)
    if strange := set(symbols) - MARKETS.keys():
        raise ConfigError(f"--sym {', '.join(sorted(strange))}: the fake exchange lists {', '.join(MARKETS)}")
    user = load_settings()
    values: dict[str, object] = {
        "state_dir": str(user.state_dir.absolute()),
        "user_code": str(user.code_folder),
        "interval": options.interval or INTERVAL,
        "symbols": symbols,
        "bus": _bus(user),
        "ingestor": {"source": "fake", "seed": user.ingestor.seed, "limit": options.limit},
        "signal": {"model": _model(options, user, symbols)},
        "strategy": _strategy(options, user),
        "recorder": _recorder(options, user),
        "alerts": _alerts(user),
        "gateway": {
            "mode": "testnet",
            "venue": "fake",
            "exchange": "binance",
            "account": ACCOUNT,
            "markets": {sym: MARKETS[sym] for sym in symbols},
            "fee": "0.0005",
            "timeout_s": 4,  # with the next two: what waits behind a lost answer is young enough for order_valid_s
            "request_validity_ms": 2_000,
            "grace_ms": 2_000,
            "risk": {
                "max_order_notional": 2_500,
                "max_position_notional": 1_250,
                "orders_per_minute": 300,
                "daily_loss": 500,
                "max_tick_age_s": 10,
                "max_prediction_age_s": 10,
            },
        },
    }
    with tempfile.TemporaryDirectory() as folder:
        only = Path(folder) / "fake.toml"
        only.write_text("\n".join(toml_lines(values)) + "\n")
        with _config_file(only):
            settings = load_settings(recorder=values["recorder"])  # what was typed wins over a variable
    _refuse_variables(options, values, settings)
    own = settings.gateway.model_copy(update={"keys_dir": None, **KEYS})
    return settings.model_copy(update={"gateway": own})


def _refuse_variables(options: RunOptions, values: Mapping[str, Any], settings: Settings) -> None:
    """Raises ConfigError where a variable has won over what was typed, or names another exchange than the fake one.

    It would win for `arm` and the others too, so it is refused here and not passed over.
    """
    own = [("gateway", name, "--venue fake") for name in ("mode", "venue", "exchange", "account")]
    own += [("ingestor", "source", "--venue fake")]
    typed = (
        ("interval", "", "--interval", options.interval), ("symbols", "", "--sym", options.sym),
        ("strategy", "name", "--strategy", options.strategy), ("strategy", "params", "--param", options.param),
        ("strategy", "balance", "--balance", options.balance), ("signal", "model", "--model", options.model),
    )  # fmt: skip
    own += [(section, name, option) for section, name, option, given in typed if given]
    for section, name, option in own:
        wanted, found = values[section], getattr(settings, section)
        if name:
            wanted, found = wanted[name], getattr(found, name)
        if isinstance(found, Mapping):
            found = {key: value for key, value in found.items() if key in wanted}
        if isinstance(found, Decimal):
            wanted = Decimal(str(wanted))
        if found != (tuple(wanted) if isinstance(found, tuple) else wanted):
            variable = f"{PREFIX}{section.upper()}{f'__{name.upper()}' if name else ''}"
            raise ConfigError(f"{option}: the variable {variable} says something else, and would win: unset it")


def write_config(settings: Settings) -> Path:
    """Writes the run's settings to the file in which `arm` and the others look for them; returns its path."""
    path = config_path(settings)
    values = settings.model_dump(mode="json", exclude={"gateway": set(SECRETS)})
    text = "\n".join(("# Written by `tickline run --venue fake` at each start.", *toml_lines(values))) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.touch(0o600)  # a bus may have a password
    new.write_text(text)
    shutil.move(new, path)
    return path


def config_path(settings: Settings) -> Path:
    """Returns the file's path, in the state folder."""
    return settings.state_dir / "fake.toml"


def _bus(user: Settings) -> dict[str, object]:
    """Returns the user's bus, in a namespace of its own, with absolute folders: the file is read from anywhere."""
    own = {"namespace": f"{user.bus.namespace}.fake", "folder": str(user.bus.folder.absolute())}
    return user.bus.model_dump(mode="json") | own


def _alerts(user: Settings) -> dict[str, object]:
    """Returns the user's alerts, with absolute files, likewise."""
    kept: dict[str, object] = user.alerts.model_dump(mode="json", exclude_none=True)
    files = {name: str(Path(str(kept[name])).absolute()) for name in ("urls_file", "heartbeat_file") if name in kept}
    return kept | files


def _recorder(options: RunOptions, user: Settings) -> dict[str, object]:
    """Returns how much the user lets be recorded, and where the options want it."""
    kept: dict[str, object] = user.recorder.model_dump(mode="json", include={"on", "keep_days", "keep_bytes"})
    return {name: str(x) if isinstance(x, Path) else x for name, x in (kept | recorder_values(options)).items()}


def _model(options: RunOptions, user: Settings, symbols: Sequence[str]) -> str:
    """Returns `none`, or the path of the model's card: what is armed is named, and found from anywhere.

    Raises ModelRefused.
    """
    if options.model == NO_MODEL:
        return NO_MODEL
    try:
        card = choose_model(options.model or AUTO, user.signal.folders, symbols, options.interval or INTERVAL)
    except ModelRefused as refused:
        raise ModelRefused(f"--venue fake: {refused}") from refused
    return str(card.absolute())


def _strategy(options: RunOptions, user: Settings) -> dict[str, object]:
    """Returns the strategy; what the user's config has around it, and its steps, have no option and hold here, too."""
    kept = {"wrappers", "qty_step", "qty_steps"}
    around = user.strategy.model_dump(mode="json", include=kept)
    if user.strategy.protect.terms is not None:
        around["protect"] = user.strategy.protect.model_dump(mode="json")
    name = options.strategy or STRATEGY
    params = named_values("--param", options.param or ())
    if name == STRATEGY:
        params = PARAMS | params
    return {
        "name": name,
        "params": params,
        "balance": options.balance or 1_000,
        "order_valid_s": 5,
        "prediction_stale_s": 5,
    } | {key: value for key, value in around.items() if value}


@contextmanager
def _config_file(path: Path) -> Iterator[None]:
    before = os.environ.get(CONFIG_VARIABLE)
    os.environ[CONFIG_VARIABLE] = str(path)
    try:
        yield
    finally:
        if before is None:
            del os.environ[CONFIG_VARIABLE]
        else:
            os.environ[CONFIG_VARIABLE] = before


class SimulatorProcess:
    """The fake exchange is a process beside the line, which outlives the gateway by a moment.

    Its state is in the state folder, so that the next start goes on with it.
    """

    def __init__(self, settings: Settings) -> None:
        self.url = ""
        self._folder = settings.state_dir
        self._log = settings.state_dir / "logs" / "simulator.log"
        self._options = (
            "--state",
            str(settings.state_dir / "fake-exchange.jsonl"),
            "--seed",
            str(settings.ingestor.seed),
            "--simulated",
            settings.interval,
        )
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Starts it, on a free port or where it was before; returns when it answers. Raises VenueError."""
        self._end()
        port = self.url.rpartition(":")[2] or "0"
        try:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            log = self._log.open("ab")
        except OSError as error:
            raise VenueError(f"the fake exchange's log {self._log} cannot be written: {error.strerror}") from error
        with log:
            self._process = subprocess.Popen(
                [*PYTHON, "-m", "services", "simulator", "--port", port, *self._options],
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                env=_environment(),
            )
        assert self._process.stdout is not None
        said = self._process.stdout.readline().split()
        if not said:
            self._end()
            raise VenueError(f"the fake exchange does not start (log: {self._log})")
        self.url = said[-1]

    def alive(self) -> bool:
        """Returns whether its process is running."""
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> "SimulatorProcess":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.communicate(timeout=STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _environment() -> dict[str, str]:
    """Returns our own variables without an account's keys."""
    keys = {f"{PREFIX}GATEWAY__{name.upper()}" for name in SECRETS}
    return {name: value for name, value in os.environ.items() if name not in keys} | {WITH_PARENT: "1"}
