"""`tickline report`: a live or paper session beside the backtest of the same window and bars."""

import asyncio
import time
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.console.options import OutputFile
from services.console.output import AsJson, InUtc, instant, json_text, show, wall_time
from services.console.runs import RunId, of_run_id
from shared.config import Mode, Settings, load_settings
from shared.errors import ConfigError
from shared.wall_time import WallTime

if TYPE_CHECKING:
    from services.research.session_report.session import LineSession


def report(
    start: Annotated[
        str | None, typer.Option("--from", help="From this time on, e.g. 2025-11-24 or 7d; else the first decision.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Up to this time; else the last decision.")] = None,
    sym: Annotated[str | None, typer.Option(help="This symbol; else all of the config's.")] = None,
    interval: Annotated[str | None, typer.Option(help="Of its bars; the config's by default.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report of one symbol as an HTML page here.")] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write the fills here.")] = None,
    as_json: AsJson = False,
    utc: InUtc = False,
    run_id: RunId = None,
) -> None:
    """Compare a session, live or on paper, with the backtest of the same window and bars."""
    wall, now_ns = wall_time(utc), time.time_ns()
    since_ns = None if start is None else instant("--from", start, wall, now_ns)
    until_ns = None if end is None else instant("--to", end, wall, now_ns)
    if since_ns is not None and until_ns is not None and since_ns > until_ns:
        raise ConfigError(f"--from {start} is after --to {end}: there is no time between them")
    settings = load_settings() if interval is None else load_settings(interval=interval)
    if sym is not None and sym not in settings.symbols and run_id is None:  # a replay is of any symbol
        raise ConfigError(f"--sym {sym}: is not among the config's symbols: {', '.join(settings.symbols)}")
    symbols = settings.symbols if sym is None else (sym,)
    if html is not None and len(symbols) > 1:
        raise ConfigError(f"--html: a page is about one symbol: name it with --sym, e.g. --sym {symbols[0]}")
    with ExitStack() as stack:
        files = {
            option: stack.enter_context(OutputFile(option, path))
            for option, path in (("--html", html), ("--csv", csv_file))
            if path is not None
        }
        with of_run_id(settings, run_id) as found:
            on_paper = run_id is not None or found.gateway.mode is Mode.PAPER
            sessions = asyncio.run(_sessions(found, symbols, since_ns, until_ns, wall, on_paper=on_paper))
        if run_id is not None:  # a replay is always on paper, and its ticks are not of this clock
            found = _as_replay(found)
        from services.research.session_report.report import reported
        from services.research.session_report.shown import as_html, lines, write_fills
        from services.research.session_report.shown import as_json as json_of

        reports = [reported(found, session, wall, curves=html is not None) for session in sessions]
        if "--csv" in files:
            write_fills(reports, files["--csv"])
        if "--html" in files:
            files["--html"].write(as_html(reports[0]))
    if as_json:
        show([json_text([json_of(one) for one in reports])])
        return
    show(line for one in reports for line in (*lines(one), ""))


def _as_replay(settings: Settings) -> Settings:
    gateway, ingestor = settings.gateway, settings.ingestor
    return settings.model_copy(
        update={
            "gateway": gateway.model_copy(update={"mode": Mode.PAPER}),
            "ingestor": ingestor.model_copy(update={"source": "replay"}),
        }
    )


async def _sessions(
    settings: Settings,
    symbols: tuple[str, ...],
    since_ns: int | None,
    until_ns: int | None,
    wall: WallTime,
    *,
    on_paper: bool,
) -> "list[LineSession]":
    from services.research.session_report.session import gathered  # it reads the journal
    from shared.journal.journal import Journal
    from shared.lookup import Lookup

    async with AsyncExitStack() as stack:
        lookup = await stack.enter_async_context(Lookup.open(settings))
        journal = None
        if not on_paper:
            own = settings.journal_url, settings.gateway.account
            journal = await stack.enter_async_context(await Journal.open(*own, durable=True, create=False))
        return [await gathered(settings, lookup, journal, sym, since_ns, until_ns, wall) for sym in symbols]
