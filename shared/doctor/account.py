"""The doctor looks at an account: its journal, its key, and the exchanges, which are asked; nothing is set there."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from shared.bus.server import Layout
from shared.config import Settings
from shared.config.gateway import SECRETS
from shared.config.monitor import AlertSettings, read_heartbeat, read_urls
from shared.doctor.finding import Finding, fault, of_error, ok, warning
from shared.doctor.host import journal_disk, local_mounts
from shared.errors import SafetyRefusal, TicklineError, VenueError
from shared.exchanges.trading.options import credentials_of, venue_options
from shared.exchanges.trading.stop_profile import unkept
from shared.messages.reasons import StopKind
from shared.plural import plural

if TYPE_CHECKING:
    from shared.exchanges.trading.ccxt_venue import CcxtVenue

KEYS, EXCHANGE, JOURNAL, CLOCK, STOPS = "keys", "exchange", "journal", "clock", "stops"


def journal_findings(settings: Settings, layout: Layout | None) -> Iterator[Finding]:
    """Yields what is found of an account's journal. layout: of the bus that is there now, where it answered."""
    from shared.journal.look import look_at  # its driver may not be installed

    account = settings.gateway.account
    try:
        seen = look_at(settings.journal_url, account)
    except TicklineError as error:
        yield of_error(JOURNAL, error)
        return
    if seen.path is not None:
        yield from journal_disk(seen.path, local_mounts())
    if seen.schema is None:
        yield ok(JOURNAL, f"{seen.shown}: there is none yet; the first arming makes it")
        return
    upgraded = ", which the next start upgrades: back it up before" if seen.older else ""
    yield ok(JOURNAL, f"{seen.shown}: whole, {seen.orders} orders of {account}, schema {seen.schema}{upgraded}")
    if layout is not None and layout.bus_id and seen.bus_id and layout.bus_id != seen.bus_id:
        what = f"{seen.shown}: it belongs to bus {seen.bus_id[:12]}, here is bus {layout.bus_id[:12]}"
        yield fault(JOURNAL, what, "correct bus.url or bus.folder; if this bus is the right one: tickline adopt")


def key_files(settings: Settings) -> list[Path]:
    """Returns the files that hold secrets."""
    own, told = settings.gateway, settings.alerts
    keys = [] if own.keys_dir is None else [own.keys_dir / name for name in SECRETS]
    others = (settings.bus.password_file, told.urls_file, told.heartbeat_file)
    return [*keys, *(file for file in others if file is not None)]


def alert_findings(own: AlertSettings) -> Iterator[Finding]:
    """Yields whether anybody is told what happens; `tickline alert test` tries it."""
    try:
        count = len(read_urls(own.urls_file)) if own.urls_file is not None else 0
        beats = own.heartbeat_file is not None and bool(read_heartbeat(own.heartbeat_file))
    except TicklineError as error:
        yield of_error("alerts", error)
        return
    if own.on:
        yield ok(
            "alerts", f"{plural(count, 'channel')}, {'a' if beats else 'no'} heartbeat; tickline alert test tries it"
        )


async def account_findings(settings: Settings) -> AsyncIterator[Finding]:
    """Yields what the exchange says of key and account; it is only asked. Where it does not answer, that alone."""
    from shared.exchanges.rest_caller import NoAnswer  # ccxt takes a while to load
    from shared.exchanges.trading.ccxt_venue import CcxtVenue

    own, began_s = settings.gateway, time.monotonic()
    try:
        key = credentials_of(settings)
        venue = CcxtVenue(replace(venue_options(settings), attempts=1), key)
    except TicklineError as error:
        yield of_error(KEYS, error)
        return
    try:
        await venue.open(only_out=True)
    except NoAnswer as silence:
        yield fault(EXCHANGE, str(silence), "see that this machine reaches it, and that it is up")
        return
    except TicklineError as error:
        yield of_error(EXCHANGE, error, "see that this machine reaches it")
        return
    try:
        where = own.exchange or own.venue
        yield ok(EXCHANGE, f"{where} ({own.mode}) answers; asked for markets and time in {_since(began_s)}")
        async for found in _of_account(venue, settings, where):
            yield found
    except TicklineError as error:
        yield of_error(EXCHANGE, error)
    finally:
        await venue.close()


async def _of_account(venue: "CcxtVenue", settings: Settings, where: str) -> AsyncIterator[Finding]:
    own = settings.gateway
    before_ms = time.time_ns() // 1_000_000
    told_ms = await venue.server_time_ms()
    after_ms = time.time_ns() // 1_000_000
    ahead_ms = told_ms - (before_ms + after_ms) // 2
    if abs(ahead_ms) > own.max_clock_skew_ms:
        what = (
            f"{where}'s clock is {ahead_ms:+} ms from this host's, gateway.max_clock_skew_ms is {own.max_clock_skew_ms}"
        )
        yield fault(CLOCK, what, "set this host's clock (NTP): until then orders that add are refused (CLOCK_SKEW)")
    else:
        yield ok(CLOCK, f"{where}'s is {ahead_ms:+} ms from this host's")
    for sym, why in venue.out_of_reach.items():
        yield fault(EXCHANGE, f"{sym}: {why}", "correct gateway.markets")
    for sym in sorted(venue.untraded - venue.out_of_reach.keys()):
        yield warning(EXCHANGE, f"{sym}: its market does not trade now", "wait, or take it out of symbols")
    try:
        await venue.check_account()
    except SafetyRefusal as refused:
        yield of_error(KEYS, refused)
        return
    yield ok(KEYS, f"the key of {own.account} may trade and, as far as {where} tells, not withdraw; the account fits")
    for found in _of_stops(venue, settings):
        yield found
    for sym, how in (await venue.read_modes()).items():
        remedy = "the gateway sets it at its start; where something is open, close it or set it by hand"
        yield warning(EXCHANGE, f"{sym}: {how}", remedy)


def _of_stops(venue: "CcxtVenue", settings: Settings) -> Iterator[Finding]:
    """Yields whether the exchange can keep the stops that the config wants, and from when on a position has one."""
    protect, form = settings.strategy.protect, venue.stops.form
    if protect.terms is None:
        return
    for sym in sorted(settings.gateway.markets.keys() - venue.out_of_reach.keys()):
        if why := unkept(protect.terms, form, venue.rules(sym).kind):
            remedy = "remove it from [strategy.protect], or trade where it can: the gateway does not start"
            yield fault(STOPS, f"{sym}: {why}", remedy)
            return
    after = f"it follows the fill; after {protect.naked_s:g} s without one there is an alarm"
    carried = "an entry carries it" if StopKind.STOP in form.attached or protect.terms.stop_bps is None else after
    yield ok(STOPS, f"they lie at the exchange: {carried}")


async def market_data_findings(settings: Settings) -> list[Finding]:
    """Returns whether each exchange that prices come from answers, and has the markets."""
    from shared.exchanges.market_data.options import LiveOptions
    from shared.exchanges.market_data.venue import LiveVenue

    async def look(name: str) -> list[Finding]:
        own = settings.ingestor.each_venue[name]
        options = LiveOptions(
            own.exchange, own.markets, settings.interval, own.price, own.stream, own.websocket,
            timeout_s=own.timeout_s, attempts=1, base_url=own.base_url, name=name if settings.ingestor.venues else "",
        )  # fmt: skip
        try:
            venue = LiveVenue(options)
        except TicklineError as error:
            return [of_error("prices", error)]
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(3 * own.timeout_s):
                known = await venue.caller.ask(venue.client.load_markets, patient=False)
        except TimeoutError:
            late = VenueError(f"{options.venue} gave no markets for {3 * own.timeout_s:g} s: see that it is reached")
            return [of_error("prices", late)]
        except TicklineError as error:
            return [of_error("prices", error, "see that this machine reaches it")]
        finally:
            await venue.close()
        missing = sorted(set(own.markets.values()) - known.keys())
        lost = [
            fault("prices", f"{options.venue} has no market {market}", "correct it in [ingestor]") for market in missing
        ]
        return lost or [ok("prices", f"{options.venue} answers; asked for markets in {_since(began_s)}")]

    return [found for each in await asyncio.gather(*map(look, settings.ingestor.each_venue)) for found in each]


def _since(began_s: float) -> str:
    return f"{time.monotonic() - began_s:.1f} s"
