"""The account that is to be stopped, also where the config cannot be loaded: then out of what can be read of it and of
what the journal knows. Only for verbs that take a right away or lead out of positions."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import typer

from services.gateway.account.opened import journal_of, settings_of_account
from shared.config import Mode, Settings, load_settings
from shared.config.gateway import ACCOUNT, GatewaySettings
from shared.config.salvage import Salvaged, salvage
from shared.config.settings import StrategySettings
from shared.control.books import booked_qty
from shared.control.whereabouts import Whereabouts
from shared.errors import ConfigError
from shared.journal.journal import Journal
from shared.messages.reasons import OrderPhase


class WayOut(NamedTuple):
    """Settings for cancelling and closing; unplaced: symbols whose market nobody can tell.

    others: symbol -> another market that it may have, where config and journal differ. traded: symbols that the config
    has, all where that cannot be told.
    """

    settings: Settings
    unplaced: list[str]
    others: dict[str, str]
    traded: frozenset[str]


class ToStop:
    """account, journal: whose, open. The config is `settings`, or where it cannot be loaded `salvaged`."""

    def __init__(self, account: str, journal: Journal, settings: Settings | None, salvaged: Salvaged | None) -> None:
        self.account = account
        self.journal = journal
        self._settings = settings
        self._salvaged = salvaged

    async def way_out(self) -> WayOut:
        """With every symbol of which a book of the journal holds something, in the market where it was traded.

        What a config names that was changed since is no way out of that. Of a config that cannot be loaded only these
        books' symbols are taken. ConfigError where it cannot be told where the account is.
        """
        known, held = Whereabouts.known(await self.journal.limits()), await self._open_syms()
        if self._settings is not None:
            settings = self._settings
            markets, syms = dict(settings.gateway.markets), set(settings.gateway.markets)
            syms |= held
            whole: Any = {}
        else:
            assert self._salvaged is not None
            whole = self._whole(self._salvaged, known)
            markets, syms = dict(whole.pop("markets")), await self._book_syms()
            settings = _Given(
                state_dir=self._salvaged.state_dir, symbols=("-",), gateway=GatewaySettings(**whole),
                strategy=StrategySettings(instance=known.instance or self._salvaged.instance),
            )  # fmt: skip
        said = markets
        before = known.markets if known.place in ({}, Whereabouts.of(settings).place) else {}
        newest = next(reversed([*before.values(), *said.values()]), "")
        # An account has one kind: the newest. What the other kind left is of an earlier account.
        kept = {sym: market for sym, market in before.items() if (":" in market) == (":" in newest)}
        at_first = {**said, **{sym: kept[sym] for sym in held & kept.keys()}}
        found = {sym: market for sym in sorted(syms) if (market := at_first.get(sym) or kept.get(sym))}
        for sym in found.keys() & said.keys():
            if found[sym] != said[sym]:
                typer.echo(f"{sym}: its book traded {found[sym]}, the config names {said[sym]}: taken is the first")
        markets = {sym: market for sym, market in found.items() if (":" in market) == (":" in newest)}
        unplaced = sorted(syms - markets.keys())
        if not markets:
            shown = f" ({', '.join(unplaced)})" if unplaced else ""
            raise ConfigError(f"config: no book of {self.account}'s journal has a market that can be told{shown}")
        gateway = settings.gateway.model_copy(update={"markets": markets})
        others = {
            sym: other for sym, market in markets.items()
            for other in (said.get(sym), kept.get(sym)) if other and other != market
        }  # fmt: skip
        traded = frozenset(markets if self._settings is None else self._settings.symbols)
        whole = settings.model_copy(update={"symbols": tuple(markets), "gateway": gateway})
        return WayOut(whole, unplaced, others, traded)

    def _whole(self, salvaged: Salvaged, known: Whereabouts) -> dict[str, Any]:
        """What is right in the config, and where that is not enough what the journal knows."""
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
        """Of every book that has, or may get, an execution."""
        books = await self.journal.last_seqs()
        return {book.partition(":")[2] for book in books} | {row.sym for row in await self.journal.orders()}

    async def _open_syms(self) -> set[str]:
        """Of those books only that hold something, or may."""
        books = await self.journal.last_seqs()
        held = {book.partition(":")[2] for book in books if await booked_qty(self.journal, book)}
        rows = await self.journal.orders()
        return held | {row.sym for row in rows if row.state is not OrderPhase.INTENT}


@asynccontextmanager
async def account_to_stop(named: str | None) -> AsyncIterator[ToStop]:
    """The config's account; `named` where the config cannot tell it. What cannot be read is said.

    ConfigError where neither tells it, where the two differ, or where a broken config's account has no journal.
    """
    try:
        settings = load_settings()
    except ConfigError as error:
        typer.echo(f"{error}: going on with what can be read", err=True)
    else:
        settings = settings_of_account(settings)
        _check_name(named, settings.gateway.account)
        async with journal_of(settings) as journal:
            yield ToStop(settings.gateway.account, journal, settings, None)
        return
    salvaged = salvage()
    for line in salvaged.unread:
        typer.echo(f"not read: {line}", err=True)
    account = str(salvaged.gateway.get("account", named or ""))
    _check_name(named, account)
    if not account:
        raise ConfigError(f"config: it does not tell the account: add --account NAME{_there(salvaged.state_dir)}")
    if not re.fullmatch(ACCOUNT, account):
        raise ConfigError(f"--account {account[:40]}: an account's name has letters, digits, - and _ only")
    url = salvaged.gateway.get("journal") or f"sqlite:///{salvaged.state_dir.absolute() / f'journal-{account}.db'}"
    async with await Journal.open(url, account, durable=True, create=False) as journal:
        yield ToStop(account, journal, None, salvaged)


def _check_name(named: str | None, account: str) -> None:
    if named is not None and named != account:
        raise ConfigError(f"--account {named}: the config's account is {account}")


def _there(folder: Path) -> str:
    names = ", ".join(file.stem.removeprefix("journal-") for file in sorted(folder.glob("journal-*.db")))
    return f"; {folder} has the journals of {names}" if names else ""


class _Given(Settings):
    """Of what is given in code alone: neither file nor variables, which are broken."""

    @classmethod
    def settings_customise_sources(cls, settings_cls: Any, init_settings: Any, *others: Any, **more: Any) -> Any:
        return (init_settings,)
