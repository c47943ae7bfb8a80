"""An account must fit before it trades, and stay so: its key cannot withdraw; one-way, isolated, leverage.

The setup sets each mode and reads it back; the start ends where it reads back something else.
"""

from collections.abc import Mapping
from decimal import Decimal

import structlog

from shared.errors import SafetyRefusal
from shared.exchanges.rest_caller import RestCaller
from shared.exchanges.trading.amounts import plain
from shared.exchanges.trading.options import VenueOptions
from shared.exchanges.trading.parse import number
from shared.exchanges.trading.profile import ISOLATED, Modes, TradingProfile
from shared.exchanges.trading.venue import MarketRules

log = structlog.get_logger()


def shown(modes: Modes) -> str:
    """Returns the modes as a person sets them.

    >>> shown(Modes(hedged=True, margin="cross", leverage=Decimal("2.50")))
    'hedge mode, cross margin, leverage 2.5'
    """
    leverage = "unknown" if modes.leverage is None else plain(modes.leverage)
    return f"{'hedge' if modes.hedged else 'one-way'} mode, {modes.margin} margin, leverage {leverage}"


class AccountSetup:
    """An AccountSetup checks an account, sets its swaps' modes, and finds out when a person has changed them."""

    def __init__(self, caller: RestCaller, profile: TradingProfile, options: VenueOptions) -> None:
        self._caller, self._profile, self._options = caller, profile, options
        self._exchange, self._live = options.exchange, options.mode == "live"
        self.key_ends_ms: int | None = None  # as the exchange told at the start
        self._modes: dict[str, Modes] = {}
        self._turn = 0

    async def check(self, rules: Mapping[str, MarketRules]) -> None:
        """Raises a SafetyRefusal for a key, an account or fees with which nothing may be traded here."""
        await self._check_key()
        await self._check_account()
        await self._check_fees(rules)

    async def _check_key(self) -> None:
        """A key may not withdraw, where the exchange tells; a test account has nothing to withdraw.

        One that may not trade is refused too: better now than at the first order, which may be a close.
        """
        if not self._live and not self._profile.rights_in_test:
            return
        rights = await self._profile.rights(self._caller)
        self.key_ends_ms = rights.ends_ms
        if self._live and rights.withdraw:
            raise SafetyRefusal(
                f"this key of {self._exchange} may withdraw: make one that can only read and trade, and put that one in"
            )
        if rights.trade is False:
            raise SafetyRefusal(
                f"this key of {self._exchange} may not trade {self._profile.kind} markets: allow it there, or make one "
                "that can read and trade, and put that one in"
            )

    async def _check_account(self) -> None:
        """Its equity and positions must be of a kind that is read here."""
        if (why := await self._profile.unfit(self._caller, live=self._live)) is not None:
            raise SafetyRefusal(f"this account of {self._exchange} {why}")

    async def _check_fees(self, rules: Mapping[str, MarketRules]) -> None:
        """Fees in a coin without a price could not be booked."""
        quotes = {rule.quote for rule in rules.values()}
        for currency in sorted(await self._profile.fee_currencies(self._caller) - quotes):
            quote = next(iter(quotes))
            if not {f"{currency}/{quote}", f"{currency}/{quote}:{quote}"} & self._caller.client.markets.keys():
                raise SafetyRefusal(
                    f"this account of {self._exchange} pays fees in {currency}, which has no price in {quote}: its "
                    "books could not be kept; use an account whose fees are in a coin that is traded there"
                )

    async def set_modes(self, rules: Mapping[str, MarketRules]) -> None:
        """Sets one-way, isolated margin and leverage for every swap; SafetyRefusal where they then are not so.

        Set is only what is not so: some exchanges refuse a change while a position is open, even to what it is.
        """
        swaps = [rule.market for rule in rules.values() if rule.kind == "swap"]
        if not swaps:
            return
        caller, profile, leverage = self._caller, self._profile, self._options.leverage
        await profile.set_one_way(caller, swaps)
        for row in await profile.positions(caller, swaps):
            if row["symbol"] in swaps and number(row.get("contracts"), "0") and (name := profile.row_of(row)):
                raise SafetyRefusal(
                    f"{self._exchange}: {row['symbol']}: there is a position {name}, beside the one-way, isolated one "
                    "that is traded: close it, e.g. with `tickline halt --flatten`"
                )
        said = False
        for market in swaps:
            wanted = (ISOLATED, Decimal(leverage))
            before = await profile.margin_and_leverage(caller, market)
            if before == wanted:
                continue
            if profile.margin_of_account and before[0] != ISOLATED and not said:
                said = True
                log.warning(
                    "the margin mode is the whole account's: all of its symbols, also those that are not traded here, "
                    "become isolated now",
                    exchange=self._exchange,
                )
            await profile.set_margin_and_leverage(caller, market, leverage)
            margin, found = await profile.margin_and_leverage(caller, market)
            if (margin, found) != wanted:
                raise SafetyRefusal(
                    f"{self._exchange}: {market}: {margin} margin, leverage {found and plain(found)}; wanted "
                    f"isolated, {leverage}: close what is open there, or set it by hand"
                )

    async def wrong_modes(self, swaps: Mapping[str, str]) -> dict[str, str]:
        """Returns the symbols whose modes are not as configured, and how they are. swaps: ccxt's market → symbol.

        Some are asked for in turn where each is a question of its own; of the others what was read last counts.
        """
        if not swaps:
            return {}
        wanted = Modes(hedged=False, margin=ISOLATED, leverage=Decimal(self._options.leverage))
        turn, most = self._turn, self._profile.modes_a_round
        self._modes |= await self._profile.modes(self._caller, list(swaps)[turn : turn + most])
        self._turn = turn + most if turn + most < len(swaps) else 0
        return {
            swaps[market]: f"{self._exchange} {market}: {shown(modes)}; wanted {shown(wanted)}"
            for market, modes in self._modes.items()
            if modes != wanted and market in swaps
        }
