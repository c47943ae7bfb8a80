"""An account in sentences: whether it may add exposure, what holds it, and what it can lose. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from shared.control.arming import Armed
from shared.control.latches import OTHER_BUS
from shared.exchanges.trading.amounts import plain
from shared.journal.rows import ArmingRow, LatchRow
from shared.messages.reasons import StopKind
from shared.orders.answers import VenuePosition, VenueQuote
from shared.orders.stop_life import StopLife
from shared.orders.stops import StopPhase
from shared.plural import plural
from shared.wall_time import UTC_TIME, WallTime

CENT = Decimal("0.01")
NS_PER_MS = 1_000_000
_ZERO = Decimal(0)


def utc(at_ms: int) -> str:
    """Returns a time to the second.

    >>> utc(1_763_985_600_000)
    '2025-11-24 12:00:00 UTC'
    """
    return UTC_TIME.second(at_ms * NS_PER_MS)


def money(amount: Decimal) -> str:
    """Returns an amount to the cent, without trailing zeros.

    >>> money(Decimal("999.995")), money(Decimal("10000.00"))
    ('1000', '10000')
    """
    return plain(amount.quantize(CENT))


def latch_line(latch: LatchRow, wall: WallTime = UTC_TIME) -> str:
    """Returns what holds an account, since when, and who says so.

    >>> latch_line(LatchRow("DAILY_LOSS", "equity 900", "gateway", 1_763_985_600_000))
    'DAILY_LOSS since 2025-11-24 12:00:00 UTC by gateway: equity 900'
    """
    return f"{latch.name} since {wall.second(latch.at_ms * NS_PER_MS)} by {latch.by}: {latch.reason}"


def latch_with_its_verb(latch: LatchRow, wall: WallTime = UTC_TIME) -> str:
    """Returns the line of a latch with the verb that lifts it."""
    verb = "adopt" if latch.name == OTHER_BUS else f"resume {latch.name}"
    return f"latched: {latch_line(latch, wall)}: `tickline {verb}`"


def standing(
    latches: Mapping[str, LatchRow],
    arming: ArmingRow | None,
    armed: Armed,
    differences: int,
    now_ms: float,
    how: str,
    arm: str,
    wall: WallTime = UTC_TIME,
) -> str:
    """Returns whether an account may send, and what keeps it from that, with what is typed to change it.

    - armed: what an arming must be for.
    - differences: that wait for a person.
    - how: what is typed before a verb, e.g. `tickline`. arm: what is typed to arm.

    >>> standing({}, None, Armed("", ""), 0, 0, "tickline", "tickline arm --account main")
    'not armed: nothing that adds exposure is sent; in another terminal: tickline arm --account main'
    """
    if latches:
        names = sorted(latches.keys() - {OTHER_BUS})
        verbs = [" ".join(["resume", *names])] * bool(names)
        verbs += ["adopt"] * (OTHER_BUS in latches)
        typed = ", ".join(f"{how} {verb}" for verb in verbs)
        return f"held by {', '.join(sorted(latches))}: in another terminal: {typed}"
    if arming is None or (why := _not_armed(arming, armed, now_ms, wall)):
        why = "not armed" if arming is None else why
        return f"{why}: nothing that adds exposure is sent; in another terminal: {arm}"
    until, most = wall.second(arming.expires_at_ms * NS_PER_MS), f"{arming.max_notional.normalize():f}"
    said = f"armed until {until}, for positions of at most {most}"
    waiting = plural(differences, "difference waits", "differences wait")
    return said + (f"; {waiting} for a person: {how} resolve" if differences else "")


def _not_armed(arming: ArmingRow, armed: Armed, now_ms: float, wall: WallTime) -> str:
    if now_ms >= arming.expires_at_ms:
        return f"armed no more, since {wall.second(arming.expires_at_ms * NS_PER_MS)}"
    if arming.config_hash != armed.config_hash:
        return "armed for another config, which does not count"
    return "" if arming.decided_by == armed.decided_by else "armed for another strategy, model or code of theirs"


class Stake(NamedTuple):
    """A stake is what may be lost: an amount in quote units, None for all that there is. how: for a person."""

    amount: Decimal | None
    how: str


def swaps_at_stake(rows: Sequence[VenuePosition]) -> Iterator[Stake]:
    """Yields each position's stake: an isolated one takes its margin and its profit with it, and no more."""
    for row in rows:
        if not row.signed_qty:
            continue
        at = "a price that the exchange does not tell" if row.liquidation is None else plain(row.liquidation)
        name = " ".join(filter(None, (row.sym, row.row)))
        amount = None if row.at_stake is None else max(row.at_stake, _ZERO)
        what = "all there is" if amount is None else money(amount)
        yield Stake(amount, f"{name} {what} by liquidation at {at}")


def coins_at_stake(sym: str, qty: Decimal, quote: VenueQuote) -> Iterator[Stake]:
    """Yields a coin's stake: nothing liquidates it, it can fall to nothing."""
    if qty > 0:
        worth = qty * quote.leaving(qty)
        yield Stake(worth, f"{sym} {money(worth)} if the coin is worth nothing")


class StopsAtStake(NamedTuple):
    """So much is lost where the stops at the exchange hold; without them, and behind a gap, it is liquidation's.

    - now: of each position; one without a stop has its liquidation's stake.
    - armed: what may come to it under the arming.
    """

    now: Sequence[Stake]
    armed: Decimal


def stop_at_stake(sym: str, qty: Decimal, price: Decimal, stop: Decimal, slippage_bps: Decimal) -> Stake:
    """Returns what a position loses from the price of now to its stop, and to the slippage of a market order.

    >>> stop_at_stake("BTCUSDT", Decimal("0.01"), Decimal(42_000), Decimal(40_950), Decimal(10))
    Stake(amount=Decimal('10.9095'), how='BTCUSDT 10.91 by its stop at 40950')
    """
    lost = max(qty * (price - stop) + abs(qty) * stop * slippage_bps / 10_000, _ZERO)
    return Stake(lost.normalize(), f"{sym} {money(lost)} by its stop at {plain(stop)}")


def nearest_stops(stops: Iterable[StopLife]) -> dict[str, Decimal]:
    """Returns, for each symbol, the price of the stop that closes its position first as that loses.

    One that was not shown yet does not count, nor does a take-profit. A trailing stop counts where it began.
    """
    found: dict[str, Decimal] = {}
    for one in stops:
        if one.phase is not StopPhase.WAITING or one.kind is StopKind.TAKE_PROFIT:
            continue
        bps = (one.trail_bps or _ZERO) if one.kind is StopKind.TRAIL else _ZERO
        price = one.price * (1 - bps.copy_sign(one.held_qty) / 10_000)
        nearer = max if one.held_qty > 0 else min
        found[one.sym] = nearer(found.get(one.sym, price), price)
    return found


def if_everything_dies(
    stakes: Iterable[Stake], equity: Decimal, armed: Stake | None, stops: StopsAtStake | None = None
) -> str:
    """Returns what is lost at most when line, host and network die and nobody acts any more, in one line.

    - armed: what may come to it under the arming; None: that is not asked.
    - stops: the same where positions have stops at the exchange.

    >>> if_everything_dies([], Decimal(1_000), Stake(Decimal(500), "by liquidation"))
    'if everything dies now: nothing is open, nothing is lost; with all open that is armed: at most 500, by liquidation'
    """
    there, found = max(equity, _ZERO), list(stakes)
    lost, how = _lost(found, there), ", ".join(stake.how for stake in found)
    now = f"at most {money(lost)} of {money(there)}: {how}"
    if stops is not None:
        by_stops, stopped = money(_lost(stops.now, there)), ", ".join(stake.how for stake in stops.now)
        now = f"at most {by_stops} by stops, {money(lost)} by liquidation, of {money(there)}: {stopped}; {how}"
    said = f"if everything dies now: {now if found else 'nothing is open, nothing is lost'}"
    if armed is None:
        return said
    most = money(there if armed.amount is None else min(armed.amount, there))
    then = f"{most}, {armed.how}" if stops is None else f"{money(min(stops.armed, there))} by stops, {most} {armed.how}"
    return f"{said}; with all open that is armed: at most {then}"


def _lost(stakes: Iterable[Stake], there: Decimal) -> Decimal:
    return min(sum((there if stake.amount is None else stake.amount for stake in stakes), _ZERO), there)
