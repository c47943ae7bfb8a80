"""`tickline report`: a live or paper session beside the backtest of the same window and bars."""

import asyncio
import time
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from services.console.options import OutputFile, instant
from services.console.output import AsJson, InUtc, json_text, show, wall_time
from services.console.run_id import RunId, of_run_id
from shared.config import Mode, Settings, load_settings
from shared.errors import ConfigError
from shared.messages import Stream
from shared.wall_time import WallTime

if TYPE_CHECKING:
    from services.research.session_report.config import RecordedConfig
    from services.research.session_report.session import LineSession
    from shared.lookup import Lookup


def report(
    start: Annotated[
        str | None, typer.Option("--from", help="From this time on, e.g. 2025-11-24 or 7d; else the first decision.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Up to this time; else the last decision.")] = None,
    sym: Annotated[str | None, typer.Option(help="This symbol; else all on which anything was decided.")] = None,
    interval: Annotated[
        str | None, typer.Option(help="Of its bars; by default as its recording, or the config, says.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report of one symbol as an HTML page here.")] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write the fills here.")] = None,
    as_json: AsJson = False,
    utc: InUtc = False,
    run_id: RunId = None,
) -> None:
    """Compare a session, live or on paper, with the backtest of the same window and bars."""
    wall = wall_time(utc)
    asked = Asked(sym, start, end, wall, replay=run_id is not None, one=html is not None)
    asked.window(time.time_ns())  # a wrong time is found out now
    settings = load_settings() if interval is None else load_settings(interval=interval)
    with ExitStack() as stack:
        files = {
            option: stack.enter_context(OutputFile(option, path))
            for option, path in (("--html", html), ("--csv", csv_file))
            if path is not None
        }
        with of_run_id(settings, run_id) as found:
            sessions = asyncio.run(_sessions(found, asked, interval))
        from services.research.session_report.report import reported
        from services.research.session_report.shown import as_html, lines, total_lines, write_fills
        from services.research.session_report.shown import as_json as json_of
        from services.research.session_report.total import total_of

        reports = [reported(config, session, wall, curves=html is not None) for config, session in sessions]
        if "--csv" in files:
            write_fills(reports, files["--csv"])
        if "--html" in files:
            files["--html"].write(as_html(reports[0]))
    total = total_of(reports) if len(reports) > 1 else None
    if as_json:
        show([json_text(json_of(reports, total))])
        return
    show(line for one in reports for line in (*lines(one), ""))
    if total is not None:
        show(total_lines(total))


class Asked(NamedTuple):
    """The options say which sessions are asked for.

    - replay: of a replay, which is always on paper.
    - one: of one symbol only.
    """

    sym: str | None
    start: str | None
    end: str | None
    wall: WallTime
    replay: bool
    one: bool

    def window(self, now_ns: int) -> tuple[int | None, int | None]:
        """Returns from when to when, ns; raises ConfigError."""
        since_ns, until_ns = (
            None if text is None else instant(option, text, self.wall, now_ns)
            for option, text in (("--from", self.start), ("--to", self.end))
        )
        if since_ns is not None and until_ns is not None and since_ns > until_ns:
            raise ConfigError(f"--from {self.start} is after --to {self.end}: there is no time between them")
        return since_ns, until_ns


async def _sessions(
    settings: Settings, asked: Asked, interval: str | None
) -> "list[tuple[RecordedConfig, LineSession]]":
    from services.research.session_report.config import config_of
    from services.research.session_report.session import gathered
    from shared.journal.journal import Journal
    from shared.lookup import Lookup

    found = []
    async with AsyncExitStack() as stack:
        lookup = await stack.enter_async_context(Lookup.open(settings))
        window = asked.window(await lookup.now_ns())
        journal: Journal | None = None
        for sym in await symbols_of(settings, lookup, asked, *window):
            config = await config_of(settings, lookup, sym, *window)
            if interval is not None:
                config = config._replace(settings=config.settings.model_copy(update={"interval": interval}))
            if asked.replay:
                config = config._replace(settings=_as_replay(config.settings))
            elif config.settings.gateway.mode is not Mode.PAPER and journal is None:
                own = settings.journal_url, settings.gateway.account
                journal = await stack.enter_async_context(await Journal.open(*own, durable=True, write=False))
            session = await gathered(config.settings, lookup, journal, sym, *window, asked.wall, time.time_ns())
            found.append((config, session))
    return found


async def symbols_of(
    settings: Settings, lookup: "Lookup", asked: Asked, since_ns: int | None, until_ns: int | None
) -> list[str]:
    """Returns the symbols that the report is about: those on which anything was decided then; of none the first.

    Of one that has decisions at another time only it says that it is left out.
    """
    known = await lookup.symbols()
    if asked.sym is not None:
        if asked.sym not in known:
            raise ConfigError(f"--sym {asked.sym}: nothing is known of it: there are {', '.join(known)}")
        return [asked.sym]
    decided = [sym for sym in known if await lookup.last(Stream.DECISIONS, sym)]
    then = []
    for sym in decided:
        last = await lookup.last(Stream.DECISIONS, sym, 1, until_ns)
        if last and (since_ns is None or last[-1].message.ts_event >= since_ns):
            then.append(sym)
    if asked.one and len(then) > 1:
        raise ConfigError(f"--html: a page is about one symbol: name it with --sym, e.g. --sym {then[0]}")
    if then and (absent := [sym for sym in decided if sym not in then]):
        typer.echo(f"report: left out, with no decision between --from and --to: {', '.join(absent)}", err=True)
    return then or decided[:1] or list(settings.symbols[:1])


def _as_replay(settings: Settings) -> Settings:
    """Returns the settings of a replay, whose ticks are not of this clock."""
    gateway, ingestor = settings.gateway, settings.ingestor
    return settings.model_copy(
        update={
            "gateway": gateway.model_copy(update={"mode": Mode.PAPER}),
            "ingestor": ingestor.model_copy(update={"source": "replay"}),
        }
    )
