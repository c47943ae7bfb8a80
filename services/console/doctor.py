"""`tickline doctor`: what keeps a line from working well here, a finding each, with its remedy. It changes nothing."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from services.console.output import AsJson, json_text, show
from shared.config import Mode, Settings, load_settings
from shared.config.settings import config_path
from shared.doctor import host
from shared.doctor.account import account_findings, alert_findings, journal_findings, key_files, market_data_findings
from shared.doctor.bus import bus_findings
from shared.doctor.finding import Finding, Grade, of_error, ok
from shared.doctor.model import model_findings, needed_extra
from shared.errors import ConfigError, TicklineError
from shared.extras import need_extras
from shared.plural import plural
from shared.recording.home import home_of

INDENT = 2


def doctor(
    offline: Annotated[bool, typer.Option("--offline", help="Ask no exchange.")] = False, as_json: AsJson = False
) -> None:
    """Say what is wrong here and what to do about it; exit code 1 where there is a fault. Nothing is changed."""
    found = asyncio.run(examine(offline=offline))
    faults = sum(finding.grade is Grade.FAULT for finding in found)
    show([json_text({"faults": faults, "findings": found})] if as_json else lines(found))
    if faults:
        raise typer.Exit(1)


def lines(found: Sequence[Finding]) -> Iterator[str]:
    """Yields a line for each finding and one for its remedy, the worst last, where a person looks first."""
    check, grade = (max(len(getattr(finding, name)) for finding in found) for name in ("check", "grade"))
    order = list(Grade)
    for finding in sorted(found, key=lambda one: order.index(one.grade)):
        shown = finding.grade.upper() if finding.grade is Grade.FAULT else finding.grade
        yield f"{shown:{grade}}  {finding.check:{check}}  {finding.what}"
        if finding.remedy:
            yield f"{'':{grade + check + 2 * INDENT}}do: {finding.remedy}"
    counts = [(sum(one.grade is grade for one in found), grade) for grade in (Grade.FAULT, Grade.WARNING)]
    yield ", ".join(plural(count, str(grade)) for count, grade in counts)


async def examine(*, offline: bool = False) -> list[Finding]:
    """Returns all findings of this machine and the config; offline: no exchange is asked."""
    found = [host.python_finding()]
    try:
        settings = load_settings()
    except ConfigError as error:
        pins = host.declared()
        return [*found, of_error("config", error, "correct it"), *host.package_findings((), pins)]
    found.append(_config_finding())
    found += host.package_findings(_extras(settings), host.declared(), wished=_wished(settings))
    found += host.disk_findings(_folders(settings))
    found += [*host.secret_findings(key_files(settings)), *host.writable_findings(_deciding(settings))]
    found += alert_findings(settings.alerts)
    found += [host.clock_finding(host.clock_status()), *model_findings(settings)]
    asked: list[Finding] = []
    if not offline:
        asked = await _exchanges(settings)
    of_bus, layout = await bus_findings(settings)
    found += of_bus
    if settings.journal_url:
        found += _guarded("journal", lambda: journal_findings(settings, layout), "journal")
    return [*found, *asked]


async def _exchanges(settings: Settings) -> list[Finding]:
    found: list[Finding] = []
    if settings.ingestor.source == "ccxt":
        found += await market_data_findings(settings)
    if settings.gateway.mode is not Mode.PAPER:
        try:
            need_extras("ccxt")
        except ConfigError as error:
            return [*found, of_error("exchange", error)]
        found += [finding async for finding in account_findings(settings)]
    return found


def _guarded(check: str, work: Callable[[], Iterable[Finding]], *extras: str) -> list[Finding]:
    """Returns what the work finds, or the packages that it lacks."""
    try:
        need_extras(*extras)
    except ConfigError as error:
        return [of_error(check, error)]
    return list(work())


def _config_finding() -> Finding:
    path = config_path()
    return ok("config", "no tickline.toml here: defaults and variables" if path is None else f"{path.absolute()}")


def _extras(settings: Settings) -> Iterator[str]:
    """Yields the extras of pyproject.toml without which this config does not run."""
    if model := needed_extra(settings):
        yield model
    if settings.gateway.mode is not Mode.PAPER:
        yield from ("ccxt", "journal")
    elif settings.ingestor.source == "ccxt":
        yield "ccxt"
    if settings.alerts.on:
        yield "alerts"
    if settings.recorder.folder is not None:
        yield "parquet"


def _wished(settings: Settings) -> Iterator[str]:
    """Yields those without which it does less: a recorder that nobody asked for records nothing."""
    if settings.recorder.on:
        yield "parquet"


def _folders(settings: Settings) -> dict[str, Path]:
    """Returns what is written -> where, as far as that is on this machine."""
    found = {"logs and state": settings.state_dir}
    if not settings.bus.url:
        found["the bus"] = settings.bus.folder
    if settings.recorder.on:
        found["the recording"] = settings.recorder.folder or home_of(settings)
    return found


def _deciding(settings: Settings) -> Iterator[Path]:
    """Yields what decides, or holds state: config, the user's own files, models, folders."""
    from shared.strategies.identity import own_files

    if (path := config_path()) is not None:
        yield path
    try:
        own = own_files(settings)
    except TicklineError:  # the model's own finding says so
        own = []
    yield from (settings.code_folder / file for file in own)
    yield from {
        settings.state_dir,
        settings.bus.folder,
        *settings.signal.folders,
        *([settings.code_folder] if own else []),
    }
