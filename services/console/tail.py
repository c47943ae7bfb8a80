"""`tickline tail`: a stream's last entries, or those of a time, decoded, over all partitions.

The last ones are read from the bus, as they lie there, damage and all. What the bus has no more is recorded, and what
is asked for by time is found by the lookup.
"""

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from services.console.entries import later_entries, newest_entries
from services.console.entry_lines import NOTHING_AROUND, Around, Row, json_line, text_line
from services.console.output import AsJson, InUtc, instant, leaving, wall_time
from services.console.run.streams import Source
from services.console.runs import LAST, RunId, of_run, replay_of
from services.console.settings import with_bus
from shared.bus.api import BusLost
from shared.config import Settings, load_settings
from shared.errors import BusUnreachable, ConfigError
from shared.messages import Stream
from shared.messages.monitor import POOLED
from shared.wall_time import WallTime

if TYPE_CHECKING:
    from shared.lookup import Lookup, Reach

LIMIT = 20


class Asked(NamedTuple):
    """The options of one call. limit: None where nobody named one."""

    stream: Stream
    sym: str | None
    limit: int | None
    since: str | None
    at: str | None
    as_json: bool
    follow: bool
    run_id: str | None
    wall: WallTime

    @property
    def by_time(self) -> bool:
        """Returns whether the messages of a time are asked for."""
        return self.since is not None or self.at is not None

    @property
    def most(self) -> int | None:
        """Returns how many rows are shown; None: all of the time that `--since` names."""
        return LIMIT if self.limit is None and self.since is None else self.limit


def tail(
    stream: Annotated[Stream, typer.Argument(help="The stream's name.")],
    sym: Annotated[str | None, typer.Option(help="Only this symbol.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help="How many of the last ones; 20, or with --since all of them.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="From this time on, e.g. 2h (ago), 12:00, 2024-10-29T12:00.")
    ] = None,
    at: Annotated[str | None, typer.Option(help="The last ones up to this time.")] = None,
    as_json: AsJson = False,
    utc: InUtc = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    run_id: RunId = None,
) -> None:
    """Show a stream's last messages, or those of a time, from the bus and from the recording."""
    asked = Asked(stream, sym, limit, since, at, as_json, follow, run_id, wall_time(utc))
    if asked.by_time and (follow or stream is Stream.DEAD):
        other = "--follow" if follow else "dead letters, whose times nobody knows"
        raise ConfigError(f"--since and --at do not go with {other}: leave them out")
    with ExitStack() as stack:
        settings, no_bus = load_settings(), ""
        try:
            settings = stack.enter_context(with_bus(settings))
        except BusUnreachable as unreachable:
            no_bus = str(unreachable)
        try:
            with leaving():
                asyncio.run(_tail(asked, settings, no_bus))
        except KeyboardInterrupt:
            pass  # Ctrl-C is how --follow ends


async def _tail(asked: Asked, settings: Settings, no_bus: str) -> None:
    from shared.runner.service import make_bus  # it loads the server's client

    rows: list[Row] = []
    ends: dict[Source, bytes] = {}
    try:
        if no_bus:
            raise BusLost(no_bus)
        settings = await of_run(settings, asked.run_id)
        if not asked.by_time:
            found, ends = await newest_entries(make_bus(settings), settings, asked.stream, asked.sym, asked.most or 0)
            rows = [Row.of_entry(entry) for entry in found]
    except BusLost as lost:
        no_bus = str(lost)
        if asked.run_id not in (None, LAST):
            settings = replay_of(settings, str(asked.run_id))
    around = NOTHING_AROUND
    if asked.stream is not Stream.DEAD and asked.most != 0:
        rows, around = await _looked_up(asked, settings, rows, no_bus)
    elif no_bus:
        raise BusUnreachable(no_bus)
    for row in rows:
        _echo(asked, row, around)
    if not asked.follow:
        return
    try:
        async for entry in later_entries(make_bus(settings), ends, asked.sym):
            _echo(asked, Row.of_entry(entry), NOTHING_AROUND)
    except BusLost as lost:
        raise BusUnreachable(str(lost)) from lost


def _echo(asked: Asked, row: Row, around: Around) -> None:
    typer.echo(json_line(row) if asked.as_json else text_line(row, asked.wall, around))


async def _looked_up(asked: Asked, settings: Settings, rows: list[Row], no_bus: str) -> tuple[list[Row], Around]:
    """Returns the rows, with those that the bus has no more, and what other streams say of them.

    Raises BusUnreachable where neither the bus nor a recording is there.
    """
    whole = not asked.by_time and len(rows) == asked.most
    if whole and (asked.as_json or asked.stream is not Stream.DECISIONS):
        return rows, NOTHING_AROUND
    from shared.lookup import Lookup  # as above

    async with Lookup.open(settings) as lookup:
        if not whole:
            rows = await _with_recorded(asked, lookup, rows)
        if no_bus and lookup.recording is None:
            raise BusUnreachable(no_bus)
        if any(row.origin == "recording" for row in rows) and not asked.as_json:
            typer.echo(_where(await lookup.reach(), asked, no_bus), err=True)
        return rows, NOTHING_AROUND if asked.as_json else await Around.of(lookup, rows)


async def _with_recorded(asked: Asked, lookup: "Lookup", rows: list[Row]) -> list[Row]:
    """Returns the rows, and the messages that the lookup has beside them, in the order of writing."""
    now_ns = await lookup.now_ns()
    since_ns = None if asked.since is None else instant("--since", asked.since, asked.wall, now_ns)
    until_ns = None if asked.at is None else instant("--at", asked.at, asked.wall, now_ns)
    known = {(row.sym, row.n) for row in rows}
    found = list(rows)
    beside = [POOLED] if asked.stream is Stream.MONITOR else []
    for sym in [*await lookup.symbols(), *beside] if asked.sym is None else [asked.sym]:
        if since_ns is None and asked.most is not None:
            messages = await lookup.last(asked.stream, sym, asked.most, until_ns)
        else:
            messages = await lookup.messages(asked.stream, sym, since_ns, until_ns)
        found += [Row.of_found(each) for each in messages if (sym, each.message.n) not in known]
    found.sort(key=lambda row: (row.at_ns, row.sym, row.n))
    return found if asked.most is None else found[max(0, len(found) - asked.most) :]


def _where(reach: "Reach", asked: Asked, no_bus: str) -> str:
    """Returns where the rows come from, and from when on there are any."""
    recorded, on_bus = reach.recording.get(asked.stream), reach.bus.get(asked.stream)
    said = [no_bus] if no_bus else []
    said += [f"{path} cannot be read and is left out ({why})" for path, why in reach.damaged.items()]
    if recorded is not None:
        ends = f" until {asked.wall.second(recorded.until_ns)}" if no_bus else ""
        said.append(f"from the recording, written since {asked.wall.second(recorded.since_ns)}{ends}")
    if on_bus is not None:
        said.append(f"from the bus, written since {asked.wall.second(on_bus.since_ns)}")
    return "; ".join(said)
