"""A backtest as a notebook calls it: of a file or a DataFrame, with a strategy by name or as it stands in a cell."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pydantic import ValidationError

from services.research.backtest import Totals, VenueRules
from services.research.backtest.variants import TimeRange, VariantResult, as_html, described, run_variants
from services.research.fast import OnlyExact
from services.research.fast.backtest import FastResult, run_fast
from services.research.metrics import Results, table
from shared.account import RoundTrip
from shared.config import ON_PAPER, load_settings
from shared.errors import ConfigError
from shared.extras import to_install
from shared.history import infer_interval
from shared.history.tables import PriceData, price_file
from shared.history.times import text_time
from shared.plural import plural
from shared.registry import Registry
from shared.strategies import AnyStrategy, Decider, StatefulStrategy, Wrapper
from shared.strategies.registry import STRATEGIES, WRAPPERS
from shared.strategies.strategy import frame
from shared.strategies.wrapper import innermost

if TYPE_CHECKING:
    import polars

Number = Decimal | float | str  # a float counts as the decimal number that is shown for it


class BacktestResult:
    """A result has what one backtest traded and measured. Shown, it is the table that `tickline backtest` prints.

    - totals: sums in Decimal. metrics: all metrics, in sections, e.g. `metrics.returns`.
    - trips: a polars DataFrame, one row for each closed round trip.
    - curve: a polars DataFrame, one row for each bar that was traded on: datetime (its end, UTC), price, equity,
      exposure (the position's value, signed, / equity) and y_hat (null where there was none).
    - settings: how it was run, as text. engine: which engine traded, and what was looked at.
    - Of the fast engine the trips have no y_hat, no exit price and no equity, and there is no report.
    """

    def __init__(
        self,
        variants: Mapping[str, VariantResult],
        trips: "polars.DataFrame",
        curve: "polars.DataFrame",
        settings: Mapping[str, str],
        engine: str,
    ) -> None:
        self._variants = variants
        first = next(iter(variants.values()))
        self.totals: Totals = first.totals
        self.metrics: Results = first.results
        self.trips = trips
        self.curve = curve
        self.settings = dict(settings)
        self.engine = engine

    def report(self, path: str | Path) -> Path:
        """Writes the report, a page that opens without network, and returns its path."""
        if any(one.curve is None for one in self._variants.values()):
            raise ConfigError("a fast backtest has no report: leave out fast=True")
        path = Path(path)
        path.write_text(as_html(self.settings, self._variants))
        return path

    def __repr__(self) -> str:
        return "\n".join(table({name: one.results for name, one in self._variants.items()}))


def backtest(
    data: PriceData,
    sym: str,
    strategy: str | AnyStrategy | type[AnyStrategy] | None = None,
    *,
    params: Mapping[str, object] | None = None,
    wrappers: Sequence[Mapping[str, object]] | None = None,
    protect: Mapping[str, object] | None = None,
    qty_step: Number | None = None,
    model: str | Path | None = None,
    interval: str | None = None,
    timezone: str = "",
    balance: Number | None = None,
    fee: Number | None = None,
    slippage_bps: Number | None = None,
    max_slippage_bps: Number | str | None = None,
    start: str | None = None,
    end: str | None = None,
    fill: str = "decision",
    maintenance_margin: Number | None = None,
    funding: str | Path | None = None,
    fast: bool = False,
) -> BacktestResult:
    """Trades a history with the line's own stages, as `tickline backtest` does, and measures what came of it.

    - data: a price file's path, or a DataFrame of polars or pandas with the same columns.
    - strategy: a name, `file.py:Class`, or a class or an object of one's own, also within wrappers. params: its
      parameters. wrappers: what is around it, as in a config, e.g. `[{"name": "trailing_stop", "distance": 0.02}]`.
    - protect: the stops of its positions, as in a config, e.g. `{"stop_bps": 250, "after_stop": "flip"}`.
    - qty_step: quantities are rounded toward zero to multiples of it, base units.
    - model: a name, the path of a card, `auto` for the one that fits symbol and interval, or `none`.
    - interval: of the bars; from the data, if not given. timezone: of times without an offset.
    - balance, fee, slippage_bps: the capital, the share of each fill's value, and how much worse each fill is.
    - max_slippage_bps: how far from the decision price an order that adds may fill, or `none`; farther it misses.
    - start, end: only bars that end at or after, and before, these times (UTC) are traded on.
    - fill, maintenance_margin, funding: as in `docs/research/backtest.md`.
    - fast: the fast engine trades where it can, the configured variant alone; `engine` of the result says which did.

    What is not given comes from the config, as it does for the command. Raises ConfigError or DataError, in one line.

    >>> from datetime import datetime, timedelta
    >>> import polars
    >>> times = [datetime(2024, 1, 1) + timedelta(hours=12 * n) for n in range(60)]
    >>> prices = polars.DataFrame({"datetime": times, "price": [100.0 + n % 7 for n in range(60)]})
    >>> result = backtest(prices, "BTCUSDT", balance=100.0, fee=0.0003)
    >>> result.totals.bars, result.trips.height, result.curve.columns
    (60, 56, ['datetime', 'price', 'equity', 'exposure', 'y_hat'])
    """
    given = {"fill": fill, "maintenance_margin": _exact(maintenance_margin), "funding": funding}
    try:
        rules = VenueRules.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ConfigError(f"backtest: {first['loc'][0]}: {first['msg']}") from error
    if not isinstance(cast(object, model), str | Path | None):
        raise ConfigError(
            f"backtest: model is a name or the path of a card, not a {type(model).__name__}: save it with save_model, "
            "and give its name"
        )
    traded = TimeRange(_time("start", start), _time("end", end))
    with price_file(data) as path, _as_settings(strategy, params, wrappers) as chosen:
        settings = load_settings(
            interval=interval or infer_interval(path, timezone),
            symbols=(sym,),
            run_id="backtest",
            ingestor={"source": "replay", "files": {sym: path}, "timezone": timezone},
            signal=_present(model=None if model is None else str(model)),
            strategy=_present(
                **chosen,
                balance=_exact(balance),
                qty_step=_exact(qty_step),
                max_slippage_bps=max_slippage_bps,
                protect=None if protect is None else _as_text(protect),
            ),
            gateway=_present(fee=_exact(fee), slippage_bps=_exact(slippage_bps)) | ON_PAPER,
        )
        said = described(settings, rules, traded)
        if path.name not in str(data):
            said["data"] = path.name
        engine = "exact engine"
        if fast:
            try:
                return _fast_result(run_fast(settings, rules, traded), said)
            except OnlyExact as why:
                engine = f"{engine}: {why}"
        watched = _Watched()
        done = run_variants(settings, rules, traded, [watched], curves=True)
    return BacktestResult(done, frame(watched.trips), _curve(watched.marks), said, engine)


def _fast_result(found: FastResult, said: Mapping[str, str]) -> BacktestResult:
    marks, trips = found.made.whole()
    curve = _curve({name: getattr(marks, "ts" if name == "datetime" else name) for name in _Mark._fields})
    table = _table({name: getattr(trips, column) for name, column in _TRIP_COLUMNS.items()})
    engine = f"fast engine; both engines did the same over {plural(found.gated, 'bar')}"
    variants = {found.name: found.result}
    return BacktestResult(variants, table, curve, said, engine)


# Of a fast backtest's trips: the names of RoundTrip, and those of Trips.
_TRIP_COLUMNS = {
    "datetime": "entry_ts",
    "exit_datetime": "exit_ts",
    "dir_signal": "side",
    "signed_qty": "qty",
    "entry_price": "price",
    "trade_log_return": "log_return",
    "gross_pnl": "gross",
    "fee": "fee",
}


def _table(columns: Mapping[str, Any]) -> "polars.DataFrame":
    import polars

    time = polars.Datetime("ns", "UTC")
    made = polars.DataFrame({name: column.copy() for name, column in columns.items()})
    return made.with_columns(polars.col("datetime", "exit_datetime").cast(time))


class _Mark(NamedTuple):
    datetime: int
    price: float
    equity: float
    exposure: float
    y_hat: float


class _Watched:
    """It keeps every bar and every round trip."""

    def __init__(self) -> None:
        self.marks: list[_Mark] = []
        self.trips: list[RoundTrip] = []

    def on_mark(self, ts_event: int, price: float, equity: float, exposure: float, y_hat: float, paid: float) -> None:
        self.marks.append(_Mark(ts_event, price, equity, exposure, y_hat))

    def on_trip(self, trip: RoundTrip) -> None:
        self.trips.append(trip)


def _curve(marks: list[_Mark] | Mapping[str, Any]) -> "polars.DataFrame":
    try:
        import polars
    except ImportError as error:
        raise ConfigError(f"a backtest's curve needs polars: {to_install('research')}") from error
    time = polars.Datetime("ns", "UTC")
    schema = {name: time if name == "datetime" else polars.Float64() for name in _Mark._fields}
    if isinstance(marks, Mapping):
        made = polars.DataFrame({name: column.copy() for name, column in marks.items()}).cast({"datetime": time})
    else:
        made = polars.DataFrame(marks, schema=schema, orient="row")
    return made.with_columns(polars.col("y_hat").fill_nan(None))


@contextmanager
def _as_settings(
    strategy: str | AnyStrategy | type[AnyStrategy] | None,
    params: Mapping[str, object] | None,
    wrappers: Sequence[Mapping[str, object]] | None,
) -> Iterator[dict[str, object]]:
    """Yields the strategy as the config's section, with names by which the line finds its classes meanwhile."""
    if strange := [each for each in cast(Sequence[object], wrappers or ()) if not isinstance(each, Mapping)]:
        raise ConfigError(
            "backtest: wrappers is a list of dicts as in a config, e.g. "
            f'[{{"name": "trailing_stop", "distance": 0.02}}], not {strange[0]!r:.80}'
        )
    around = [_as_text(wrapper) for wrapper in wrappers or ()]
    if strategy is None or isinstance(strategy, str):
        yield _present(name=strategy, params=params and _as_text(params), wrappers=around or None)
        return
    own = strategy if isinstance(strategy, type) else innermost(strategy)
    kind = own if isinstance(own, type) else type(own)
    if not issubclass(kind, Decider | StatefulStrategy):
        raise ConfigError(
            f"backtest: strategy is a name, or a Decider or StatefulStrategy, not {strategy!r:.80} (a Strategy, e.g. "
            "BasicTakerStrat, has a `backtest` of its own; BasicTaker is the one for the line)"
        )
    chosen = {} if isinstance(own, type) else own.model_dump()
    with ExitStack() as stack:
        name = stack.enter_context(_registered(STRATEGIES, kind))
        while isinstance(strategy, Wrapper):
            wrapper = stack.enter_context(_registered(WRAPPERS, type(strategy)))
            around.insert(0, _as_text({"name": wrapper, **strategy.model_dump()}))
            strategy = strategy.inner
        yield {"name": name, "params": _as_text(chosen | dict(params or {})), "wrappers": around}


@contextmanager
def _registered(registry: Registry[Any], kind: type) -> Iterator[str]:
    name = kind.__name__
    registry[name] = kind
    try:
        yield name
    finally:
        registry.pop(name, None)


def _as_text(params: Mapping[str, object]) -> dict[str, object]:
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in params.items()}


def _exact(value: Number | None) -> str | None:
    whole = isinstance(value, float) and value.is_integer()
    return None if value is None else str(int(value) if whole else value)


def _time(name: str, text: str | None) -> int | None:
    try:
        return None if text is None else text_time(text).ns
    except ValueError as error:
        raise ConfigError(f"backtest: {name}: {error}") from error


def _present(**options: object) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}
