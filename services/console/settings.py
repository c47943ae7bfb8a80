"""The settings of a verb: its options, laid over the config, and the bus that it finds."""

import re
import secrets
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from services.console.options import named_values
from shared.config import ON_PAPER, Settings, load_settings
from shared.errors import ConfigError
from shared.plural import plural
from shared.recording.layout import is_recording
from shared.recording.part import recorded_symbols

QUOTES = ("USDT", "USDC", "USD", "EUR", "BTC")  # by which a file's name is taken for a symbol's


class RunOptions(NamedTuple):
    """Options as they are typed; None where one is not."""

    data: Sequence[Path] | None = None
    sym: Sequence[str] | None = None
    interval: str | None = None
    model: str | None = None
    strategy: str | None = None
    param: Sequence[str] | None = None
    balance: str | None = None
    fee: str | None = None
    limit: int | None = None
    rate: float | None = None
    run_id: str | None = None
    slippage_bps: str | None = None
    max_slippage_bps: str | None = None
    record: Path | None = None
    no_record: bool = False
    timezone: str | None = None


def settings_for(options: RunOptions) -> Settings:
    """Returns the settings of a run or a backtest; raises ConfigError."""
    sections: dict[str, dict[str, object]] = {
        "ingestor": _present(limit=options.limit, ticks_per_s=options.rate, timezone=options.timezone),
        "signal": _present(model=options.model),
        "strategy": _present(name=options.strategy, balance=options.balance, max_slippage_bps=options.max_slippage_bps),
        "gateway": _present(fee=options.fee, slippage_bps=options.slippage_bps),
        "recorder": recorder_values(options),
    }
    if options.param:
        sections["strategy"]["params"] = named_values("--param", options.param)
    given = _present(interval=options.interval, run_id=options.run_id)
    if options.data:
        if sections["ingestor"].keys() & {"limit", "ticks_per_s"}:
            raise ConfigError("--limit and --rate are the simulated market's: files are replayed whole, at once")
        files = _files(options.data, options.sym or ())
        if (recording := next(filter(is_recording, options.data), None)) is not None:
            # They load strategies: not before the guard.
            from shared.recording.checkpoint import last_settings, recorded_model

            kept = last_settings(recording)
            given.setdefault("interval", kept["interval"])
            if options.model is None and (found := recorded_model(kept, load_settings().signal.folders)) is not None:
                sections["signal"] = {"model": found}
        sections["ingestor"] |= {"source": "replay", "files": files}
        sections["gateway"] |= ON_PAPER
        given["symbols"] = tuple(files)
        given.setdefault("run_id", new_run_id())
    elif options.sym:
        given["symbols"] = tuple(options.sym)
    given |= {name: section for name, section in sections.items() if section}
    return load_settings(**given)


def recorder_values(options: RunOptions) -> dict[str, object]:
    """Returns what the options say of the recorder; raises ConfigError where they say both."""
    if options.record is None:
        return {"on": False} if options.no_record else {}
    if options.no_record:
        raise ConfigError("--record and --no-record: choose one of them")
    return {"on": True, "folder": options.record.absolute()}


@contextmanager
def with_bus(settings: Settings) -> Iterator[Settings]:
    """Yields the settings with the bus's address; of an embedded one that rests, with one that is started for now."""
    from shared.bus.embedded import reached

    if settings.bus.url:
        yield settings
        return
    with reached(settings.bus.folder) as url:
        yield settings.model_copy(update={"bus": settings.bus.model_copy(update={"url": url})})


def new_run_id() -> str:
    """Returns a name for a replay: the time, and something random."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"


def _present(**options: object) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


def _files(data: Sequence[Path], syms: Sequence[str]) -> dict[str, Path]:
    if len(data) == 1 and is_recording(data[0]):
        return dict.fromkeys(syms or recorded_symbols(data[0]), data[0].absolute())
    if len(data) != len(syms):
        strange = [f"; {path} is no recording and no file" for path in data if not path.is_file()]
        raise ConfigError(_unmatched(data, syms) + "".join(strange[:1]))
    if len(set(syms)) != len(syms):
        raise ConfigError("--sym names a symbol twice: give each symbol one file")
    return dict(zip(syms, data, strict=True))


def _unmatched(data: Sequence[Path], syms: Sequence[str]) -> str:
    """Returns what is missing; where it is --sym, with the whole command as it was typed, and --sym."""
    if len(syms) > len(data):
        files = plural(len(data), "file")
        return f"--data: {files} for {plural(len(syms), 'symbol')}: give each --sym its file, in the same order"
    typed = shlex.join(["tickline", *sys.argv[1:], *(f"--sym={sym_of(path)}" for path in data[len(syms) :])])
    lacking = ", ".join(str(path) for path in data[len(syms) :])
    return f"--sym is missing: say of which symbol {lacking} is, in the order of the files, e.g. `{typed}`"


def sym_of(path: Path) -> str:
    """Returns a guess by the file's name, for a person to correct.

    >>> sym_of(Path("data/BTCUSDT-12h-2024-01.csv.gz")), sym_of(Path("bars.csv")), sym_of(Path("eth_usdt.csv"))
    ('BTCUSDT', 'BTCUSDT', 'ETHUSDT')
    """
    word = re.match(r"[A-Z0-9]{5,20}|[A-Z0-9]{2,10}[_ ][A-Z0-9]{2,10}", path.name.upper().partition(".")[0])
    found = re.sub("[_ ]", "", word.group()) if word else ""
    return found if found.endswith(QUOTES) else "BTCUSDT"
