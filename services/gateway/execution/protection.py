"""What a position's stops should be, and what is to be done so that they are. Pure.

`plan` looks at what is held, at the stops that are known, and at nothing else: asked again it says the same, however
the state came to be. So a restart, a lost answer and a stop that shows up late need no rules of their own.

- Flat: what lies there is cancelled, whoever of ours has placed it.
- Held: of each kind that is wanted one stop waits, at its price and for what is held. Where there is none, another is
  placed under the next revision; where one does not fit, the new one comes first, and then the old one is cancelled.
- A stop that was triggered, and the position is still there when that should be over; a price that the market is
  beyond already; a position that a stop has opened: it is closed at market.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from shared.messages.reasons import Reason, StopKind
from shared.orders.stop_life import UNANSWERED, StopLife
from shared.orders.stops import StopPhase

if TYPE_CHECKING:
    from shared.exchanges.trading.stop_profile import StopForm

AGAIN_MS = 2_000  # between two cancels, and between two closes
MOST_DOUBLED = 3  # so often that pause is doubled while closes leave all of the position
FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 1_000, 60_000  # between two placings that were refused
SOON = 10  # placings that find no position: its entry may be filled any moment
MANY = 4  # revisions that may follow one another at once; more of them have a pause between them
OCCUPIED_MS = 30_000  # how long the exchange's word counts that another one is there
LIMITS_LOSS = frozenset({StopKind.STOP, StopKind.TRAIL})
FAILURES = frozenset({Reason.STOP_FAILED, Reason.STOP_BEYOND})
_RESTS = (StopPhase.WAITING, StopPhase.CANCELING)


class WantedStop(NamedTuple):
    """A stop is wanted at this price, in ticks; of a TRAIL it is what its distance hangs on."""

    price: Decimal
    trail_bps: Decimal | None = None


class Holding(NamedTuple):
    """A holding is what there is to protect in one symbol.

    - held: signed base units, with what is known to be filled of orders in flight.
    - opened_by: the order that opened it; empty when flat.
    - wanted: by kind; none: it is not to be protected.
    - entries: orders in flight that may add.
    - unsure: those of them whose own stops may not be there, though it may hold something already: nobody has answered
      them, or not all was filled, at an exchange that places what an entry carries only if all of it was.
    - fired: stops whose order is in flight, and may yet close all of it.
    - done: those whose order was filled whole; what is held all the same was bought beside it.
    - closing: something that closes it is on its way. closed_ms: when something last was; in_vain: how often before.
    """

    held: Decimal
    opened_by: str
    wanted: Mapping[StopKind, WantedStop]
    entries: frozenset[str] = frozenset()
    unsure: frozenset[str] = frozenset()
    fired: frozenset[str] = frozenset()
    done: frozenset[str] = frozenset()
    closing: bool = False
    closed_ms: int = 0
    in_vain: int = 0


class ProtectTimes(NamedTuple):
    """naked_ms: how long a position may be without its stop. trigger_ms: how long a stop may be triggered."""

    naked_ms: int = 5_000
    trigger_ms: int = 10_000


class Place(NamedTuple):
    """Another stop is placed."""

    kind: StopKind
    wanted: WantedStop
    held_qty: Decimal
    opened_by: str
    revision: int
    whole: bool


class CancelStop(NamedTuple):
    """A stop is cancelled."""

    life: StopLife


class GiveUp(NamedTuple):
    """Nothing more is expected of a stop that was triggered, since the position is gone without it."""

    life: StopLife


class TakenPlace(NamedTuple):
    """A newer one lies in its place."""

    life: StopLife


class CloseAtMarket(NamedTuple):
    """The position is closed at market.

    - life: the stop that did not, or that opened it.
    """

    held_qty: Decimal
    opened_by: str
    life: StopLife
    reason: Reason

    @property
    def text(self) -> str:
        """Returns why, in one line."""
        did = "has opened" if self.opened_by == self.life.fired_name else "did not close"
        return f"{self.reason}: {self.life.kind} at {self.life.price} {did} {self.held_qty}: closed at market"


Action: TypeAlias = Place | CancelStop | GiveUp | TakenPlace | CloseAtMarket


def plan(
    form: "StopForm", now_ms: int, holding: Holding, lives: Iterable[StopLife], times: ProtectTimes
) -> list[Action]:
    """Returns what is to be done now; nothing where all is as it should be, or an answer is awaited.

    lives: the book's stops, those that have ended too where they are of this position.
    """
    known = sorted(lives, key=lambda life: life.revision)
    found: list[Action] = []
    for life in known:
        if life.live and life.carried_by not in holding.entries and not _belongs(life, holding):
            found += _taken_away(life, now_ms, holding, times)
    if not holding.held:
        return found
    own = [life for life in known if life.opened_by == holding.opened_by]
    turned = (life for life in known if life.fired_name == holding.opened_by)
    broken = next((life for life in own if _broken(life, now_ms, holding, times)), None) or next(turned, None)
    if broken is not None:
        if not holding.closing and now_ms >= holding.closed_ms + _again_ms(holding):
            reason = broken.reason if broken.reason in FAILURES else Reason.STOP_FAILED
            found.append(CloseAtMarket(holding.held, holding.opened_by, broken, reason or Reason.STOP_FAILED))
        return found
    if not holding.fired:
        for kind, wanted in holding.wanted.items():
            found += _kept(form, now_ms, holding, wanted, [life for life in own if life.kind is kind], kind)
    return found


def _again_ms(holding: Holding) -> int:
    """Returns the pause between two closes: longer each time that one has left all of the position."""
    return AGAIN_MS << min(max(holding.in_vain - 1, 0), MOST_DOUBLED)


def covered(holding: Holding, lives: Iterable[StopLife], now_ms: int, times: ProtectTimes) -> bool:
    """Says whether something limits the position's loss: a stop waits, or is about to close it.

    One that an entry carries counts from the first fill on. It has SHOWN_MS from the entry's end on to be shown: after
    that it counts no more, and has not counted before.
    """
    if not holding.held or not LIMITS_LOSS & holding.wanted.keys():
        return True
    return any(
        _counts(life, holding, now_ms, times)
        for life in lives
        if life.opened_by == holding.opened_by and (life.kind in LIMITS_LOSS or life.stop_id in holding.fired)
    )


def exposed(holding: Holding, lives: Collection[StopLife], now_ms: int, times: ProtectTimes) -> bool:
    """Says whether nothing may join the position: no stop limits its loss, or one is just closing it."""
    own = (life for life in lives if life.opened_by == holding.opened_by)
    fires = bool(holding.fired) or any(life.phase is StopPhase.TRIGGERING for life in own)
    return bool(holding.held) and (fires or not covered(holding, lives, now_ms, times))


def left_over(holding: Holding, lives: Iterable[StopLife]) -> Decimal:
    """Returns how much of the position the stops that wait would leave open, unsigned; 0 where none of them waits."""
    waiting = [
        life for life in lives
        if life.opened_by == holding.opened_by and life.kind in LIMITS_LOSS and life.phase is StopPhase.WAITING
    ]  # fmt: skip
    if not waiting or any(life.whole for life in waiting):
        return Decimal(0)
    return max(abs(holding.held) - max(abs(life.held_qty) for life in waiting), Decimal(0))


def clearing(lives: Iterable[StopLife], entries: Iterable[str]) -> bool:
    """Says whether a stop of an older position may still be there: what opens the next one waits."""
    carriers = set(entries)
    return any(life.live and life.carried_by not in carriers for life in lives)


def _belongs(life: StopLife, holding: Holding) -> bool:
    """Says whether it is one that this position should have."""
    return bool(holding.held) and life.opened_by == holding.opened_by and life.kind in holding.wanted


def _taken_away(life: StopLife, now_ms: int, holding: Holding, times: ProtectTimes) -> list[Action]:
    if life.phase is StopPhase.TRIGGERING:
        return [GiveUp(life)] if now_ms > life.heard_ms + times.trigger_ms and not holding.fired else []
    if life.phase is StopPhase.SENT and not life.carried_by:
        return []  # its answer comes first
    return [CancelStop(life)] if _may_cancel(life, now_ms) else []


def _may_cancel(life: StopLife, now_ms: int) -> bool:
    """Says whether a cancel is sent now; again and again, since what was on its way may come late."""
    if life.phase is StopPhase.CANCELING:
        return now_ms >= life.heard_ms + AGAIN_MS
    return life.phase is not StopPhase.TRIGGERING


def _broken(life: StopLife, now_ms: int, holding: Holding, times: ProtectTimes) -> bool:
    """Says whether it was to close the position, and has not."""
    late = now_ms > life.heard_ms + times.trigger_ms
    if life.phase is StopPhase.TRIGGERED:
        return life.stop_id not in holding.done and (late or life.stop_id not in holding.fired)
    if life.phase is StopPhase.TRIGGERING:
        return late
    return life.phase is StopPhase.FAILED and life.reason in FAILURES


def _kept(
    form: "StopForm", now_ms: int, holding: Holding, wanted: WantedStop, own: Sequence[StopLife], kind: StopKind
) -> list[Action]:
    """Returns what is to be done about one kind; own: the position's of this kind, by revision."""
    waiting = [life for life in own if life.phase is StopPhase.WAITING]
    good = [life for life in waiting if _fits(life, wanted, holding.held)]
    if good:
        others = [life for life in own if life.live and life.revision < good[-1].revision]
        if form.replaced == "in_place":
            # One without an id was never shown, and may have fired: silence ends it, or its trades are found.
            return [TakenPlace(one) for one in others if one.venue_id and one.phase is not StopPhase.TRIGGERING]
        # A newer one does not fit any more where what is held is again what it was before.
        others += [life for life in own if life.revision > good[-1].revision and life.phase in _RESTS]
        return [CancelStop(life) for life in others if _may_cancel(life, now_ms)]
    if any(_awaited(life, holding, now_ms) for life in own):
        return []
    if own and now_ms < own[-1].heard_ms + _pause_ms(own, now_ms):
        return []
    revision = own[-1].revision + 1 if own else 0
    whole = kind in form.whole and not _in_the_way(form, own)
    return [Place(kind, wanted, holding.held, holding.opened_by, revision, whole)]


def _awaited(life: StopLife, holding: Holding, now_ms: int) -> bool:
    """Says whether something is about to be told of it, so that none is placed beside it."""
    if life.phase is StopPhase.TRIGGERING:
        return True
    if life.phase is StopPhase.SENT:
        return not life.carried_by or _comes_with_entry(life, holding, now_ms)
    return False


SHOWN_MS = 2_000  # how long the exchange's list may lack what an entry has carried before another is placed


def _counts(life: StopLife, holding: Holding, now_ms: int, times: ProtectTimes) -> bool:
    if life.phase is StopPhase.WAITING:
        return True
    if life.phase is StopPhase.TRIGGERING or life.stop_id in holding.fired:
        return now_ms <= life.heard_ms + times.trigger_ms
    if life.occupied:
        return now_ms < life.heard_ms + OCCUPIED_MS
    return life.phase in UNANSWERED and bool(life.carried_by) and _comes_with_entry(life, holding, now_ms)


def _comes_with_entry(life: StopLife, holding: Holding, now_ms: int) -> bool:
    """Says whether one that an entry carries is there with what that has filled, as far as anybody knows."""
    if life.carried_by in holding.unsure:
        return False
    return life.carried_by in holding.entries or now_ms < life.heard_ms + SHOWN_MS


def _fits(life: StopLife, wanted: WantedStop, held: Decimal) -> bool:
    trails = life.kind is StopKind.TRAIL
    priced = life.trail_bps == wanted.trail_bps if trails else life.price == wanted.price
    return priced and life.reduces and (life.whole or life.held_qty == held)


def _in_the_way(form: "StopForm", own: Sequence[StopLife]) -> bool:
    """Says whether one sized by the position rests, beside which no second one of them can."""
    if form.replaced == "in_place":
        return False
    rests = any(life.whole and life.phase in _RESTS for life in own)
    return rests or bool(own and own[-1].occupied)


def _pause_ms(own: Sequence[StopLife], now_ms: int) -> int:
    """Returns how long after the newest one another may follow: longer each time that it was in vain.

    The first that nobody knows of is followed at once.
    """
    in_vain = 0
    for life in reversed(own):
        if not (life.phase is StopPhase.UNKNOWN or life.phase is StopPhase.FAILED or life.occupied):
            break
        in_vain += 1
    if not in_vain:
        return FIRST_PAUSE_MS if len(own) > MANY else 0
    if in_vain == 1 and own[-1].phase is not StopPhase.FAILED:
        return 0
    if own[-1].reason is Reason.NOTHING_TO_REDUCE and in_vain <= SOON:
        return FIRST_PAUSE_MS
    return min(FIRST_PAUSE_MS << min(in_vain - 1, 10), LONGEST_PAUSE_MS)
