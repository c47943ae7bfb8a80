"""A verb works on one account: its config and its open journal.

A verb that takes a right away, or leads out of positions, also works with a config that does not load: then with what
is readable of it, and with what the journal knows.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from shared.config import Mode, Settings, load_settings
from shared.config.gateway import ACCOUNT, GatewaySettings
from shared.config.salvage import Salvaged, salvage
from shared.config.strategy import StrategySettings
from shared.control.books import Booked, booked
from shared.control.whereabouts import Whereabouts
from shared.errors import ConfigError, SafetyRefusal
from shared.journal.database import Fenced
from shared.journal.journal import Journal
from shared.journal.rows import Change, EventRow
from shared.messages.reasons import OrderPhase

TIMES = 20  # how often a gateway may be faster than a person's change

Say: TypeAlias = Callable[[str], None]  # shows a line to the person


def settings_of_account(loaded: Settings | None = None) -> Settings:
    """Returns the config, if it has an account at a venue; raises ConfigError if not."""
    settings = load_settings() if loaded is None else loaded
    if settings.gateway.mode is Mode.PAPER:
        raise ConfigError(
            "config: gateway.mode is paper: there is no account to act on; a line with another config is not reached: "
            "go to its folder, or let TICKLINE_CONFIG name its config"
        )
    return settings


@asynccontextmanager
async def journal_of(settings: Settings, warn: Say) -> AsyncIterator[Journal]:
    """Opens the account's journal. Where there is none, as at a first arming, one is made, and `warn` says so."""
    url, account = settings.journal_url, settings.gateway.account
    try:
        journal = await Journal.open(url, account, durable=True, create=False)
    except ConfigError:
        journal = await Journal.open(url, account, durable=True)
        warn(f"{journal.shown} is new: a line that is at work has another journal, and is not reached")
    async with journal:
        yield journal


async def write_alone(journal: Journal, owner: str, make: Callable[[int], Awaitable[Sequence[Change]]]) -> None:
    """Writes what `make(epoch)` returns after a look at the journal; what it saw still holds when that is written.

    It takes the epoch, so that nobody else writes. A gateway that is at work takes it back as soon as it can: where
    that was faster nothing is written, and `make` looks anew. Raises SafetyRefusal where that goes on and on.
    """
    for _ in range(TIMES):
        epoch = await journal.raise_epoch(owner)
        changes = await make(epoch)
        try:
            await journal.write(changes, epoch)
        except Fenced:
            continue
        return
    raise SafetyRefusal("another process keeps taking the journal's epoch: stop the gateway, and do this again")


async def write_key(journal: Journal, where: Whereabouts, by: str, at_ms: int) -> None:
    """Writes whose account the journal belongs to, as a person says; the gateway looks at it anew."""
    event = EventRow("ADOPTED_KEY", "", "", f"another key, by {by}", at_ms)

    async def adopted(_: int) -> list[Change]:
        return [where.row(), event]

    await write_alone(journal, f"adopt by {by}", adopted)


class WayOut(NamedTuple):
    """A way out has the settings for cancelling and closing.

    - unplaced: symbols whose market nobody can tell.
    - others: symbol -> another market that it may have, where config and journal differ.
    - traded: symbols that the config has; all of them where that cannot be told.
    - booked: what was read of each book of the journal.
    """

    settings: Settings
    unplaced: list[str]
    others: dict[str, str]
    traded: frozenset[str]
    booked: Mapping[str, Booked]


class AccountToStop:
    """An account to stop has its open journal. Its config is `settings`, or where that cannot be loaded `salvaged`."""

    def __init__(self, account: str, journal: Journal, settings: Settings | None, salvaged: Salvaged | None) -> None:
        self.account = account
        self.journal = journal
        self._settings = settings
        self._salvaged = salvaged

    async def way_out(self, say: Say) -> WayOut:
        """Returns settings with every symbol of which a book holds something, in the market that the book traded.

        A market that the config has changed since is no way out of it: `say` tells which of the two is taken. Of a
        config that cannot be loaded only these books' symbols are taken. Raises ConfigError where nobody can tell
        where the account is.
        """
        known, books = Whereabouts.known(await self.journal.limits()), await self._booked()
        held = await self._open_syms(books)
        if self._settings is not None:
            settings = self._settings
            configured, syms = dict(settings.gateway.markets), set(settings.gateway.markets) | held
        else:
            settings, configured = self._salvaged_settings(known)
            syms = await self._book_syms()
        before = known.markets if known.place in ({}, Whereabouts.of(settings).place) else {}
        newest = next(reversed([*before.values(), *configured.values()]), "")
        # An account has one kind, swaps or spot: the newest. What the other kind left is of an earlier account.
        kept = {sym: market for sym, market in before.items() if _is_swap(market) == _is_swap(newest)}
        # Where a book holds something, the market that it traded; else the config's; else the one that it traded.
        preferred = {**configured, **{sym: kept[sym] for sym in held & kept.keys()}}
        found = {sym: market for sym in sorted(syms) if (market := preferred.get(sym) or kept.get(sym))}
        for sym in found.keys() & configured.keys():
            if found[sym] != configured[sym]:
                say(f"{sym}: its book traded {found[sym]}, the config names {configured[sym]}: taken is the first")
        markets = {sym: market for sym, market in found.items() if _is_swap(market) == _is_swap(newest)}
        unplaced = sorted(syms - markets.keys())
        if not markets:
            shown = f" ({', '.join(unplaced)})" if unplaced else ""
            raise ConfigError(f"config: no book of {self.account}'s journal has a market that can be told{shown}")
        gateway = settings.gateway.model_copy(update={"markets": markets})
        others = {
            sym: other
            for sym, market in markets.items()
            for other in (configured.get(sym), kept.get(sym))
            if other and other != market
        }
        traded = frozenset(markets if self._settings is None else self._settings.symbols)
        placed = settings.model_copy(update={"symbols": tuple(markets), "gateway": gateway})
        return WayOut(placed, unplaced, others, traded, books)

    def _salvaged_settings(self, known: Whereabouts) -> tuple[Settings, dict[str, str]]:
        """Returns settings of what is readable in a config that cannot be loaded, and its markets."""
        assert self._salvaged is not None
        gateway = self._salvaged_gateway(self._salvaged, known)
        configured = dict(gateway.pop("markets"))
        settings = _Given(
            state_dir=self._salvaged.state_dir,
            symbols=("-",),
            gateway=GatewaySettings(**gateway),
            strategy=StrategySettings(instance=known.instance or self._salvaged.instance),
        )
        return settings, configured

    def _salvaged_gateway(self, salvaged: Salvaged, known: Whereabouts) -> dict[str, Any]:
        """Returns what is right in the config, and where that is not enough what the journal knows."""
        values = {**known.gateway, **salvaged.gateway, "account": self.account}
        markets = values.pop("markets", {})
        why = ""
        for whole in (values, {**values, **known.gateway}):
            try:
                GatewaySettings(**whole)
            except ValueError as error:
                why = str(error).splitlines()[-1].strip()
            else:
                if whole.get("mode", Mode.PAPER) != Mode.PAPER:
                    return {**whole, "markets": markets}
                why = "mode is paper"
        raise ConfigError(
            f"config: where {self.account} is cannot be told ({why}), and its journal does not know it: correct "
            "[gateway] mode, venue and exchange"
        )

    async def _book_syms(self) -> set[str]:
        """Returns the symbols of every book that has, or may get, an execution."""
        books = await self.journal.last_seqs()
        return {book.partition(":")[2] for book in books} | {row.sym for row in await self.journal.orders()}

    async def _booked(self) -> dict[str, Booked]:
        return {book: await booked(self.journal, book) for book in await self.journal.last_seqs()}

    async def _open_syms(self, books: Mapping[str, Booked]) -> set[str]:
        """Returns the symbols of those books only that hold something, or may."""
        held = {book.partition(":")[2] for book, read in books.items() if read.qty}
        rows = await self.journal.orders()
        return held | {row.sym for row in rows if row.state is not OrderPhase.INTENT}


@asynccontextmanager
async def account_to_stop(named: str | None, warn: Say) -> AsyncIterator[AccountToStop]:
    """Opens the config's account, or `named` where the config cannot tell it. `warn` says what cannot be read.

    Raises ConfigError where neither tells it, where the two differ, or where a broken config's account has no journal.
    """
    try:
        settings = load_settings()
    except ConfigError as error:
        warn(f"{error}: going on with what can be read")
    else:
        settings = settings_of_account(settings)
        _check_name(named, settings.gateway.account)
        async with journal_of(settings, warn) as journal:
            yield AccountToStop(settings.gateway.account, journal, settings, None)
        return
    salvaged = salvage()
    for line in salvaged.unread:
        warn(f"not read: {line}")
    account = str(salvaged.gateway.get("account", named or ""))
    _check_name(named, account)
    if not account:
        raise ConfigError(f"config: it does not tell the account: add --account NAME{_there(salvaged.state_dir)}")
    if not re.fullmatch(ACCOUNT, account):
        raise ConfigError(f"--account {account[:40]}: an account's name has letters, digits, - and _ only")
    url = salvaged.gateway.get("journal") or f"sqlite:///{salvaged.state_dir.absolute() / f'journal-{account}.db'}"
    async with await Journal.open(url, account, durable=True, create=False) as journal:
        yield AccountToStop(account, journal, None, salvaged)


def _is_swap(market: str) -> bool:
    """Says of a market whether it is a swap's, by ccxt's way to write it."""
    return ":" in market


def _check_name(named: str | None, account: str) -> None:
    if named is not None and named != account:
        raise ConfigError(f"--account {named}: the config's account is {account}")


def _there(folder: Path) -> str:
    names = ", ".join(file.stem.removeprefix("journal-") for file in sorted(folder.glob("journal-*.db")))
    return f"; {folder} has the journals of {names}" if names else ""


class _Given(Settings):
    """Settings that code alone gives: neither a file nor variables, which are broken."""

    @classmethod
    def settings_customise_sources(cls, settings_cls: Any, init_settings: Any, *others: Any, **more: Any) -> Any:
        return (init_settings,)
