"""The risk check as a Tick. Its memory lies in the journal: limits and latches come with what is asked."""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

from services.gateway.risk.check import Asked, Changes, Hold, Pass, Refusal, Rules, Subject, Verdict, exposure
from services.gateway.risk.funding import watch_funding
from services.gateway.risk.limits import CHECKS
from services.gateway.risk.marks import WATCHED, Watched, watch
from services.gateway.risk.order_rate import one_more
from shared.config import Mode
from shared.journal.rows import FundingRow, LatchRow
from shared.tick import Tick


class Risk(Tick[Asked, Verdict]):
    """May this order go out?

    What only reduces our own position passes every gate but the halt and an unknown order in its symbol. What adds must
    pass all. An order that does both (a flip) passes whole or, where a gate refuses its addition, is cut to the part
    that reduces; where a gate only lets it wait, all of it waits. A quantity that is 0 or not finite is a ValueError.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        book_only = rules.mode is Mode.PAPER
        self._checks = tuple(check for check in CHECKS if check.of_book or not book_only)

    def on_tick(self, val: Asked) -> Verdict:
        """Take an order and its context."""
        if not val.signed_qty.is_finite() or not val.signed_qty:
            raise ValueError(f"an order's quantity must be finite and not 0, not {val.signed_qty}")
        context = val.context
        made = exposure(val.signed_qty, context.position, (order.signed_qty for order in context.in_flight))
        seen = Watched((), ())
        if context.equity is not None:
            # A book's equity is exact; an account's was observed before, and being asked again is no observation.
            suspected = WATCHED if self._rules.mode is Mode.PAPER else ()
            seen = self.watch(context.now_ns, context.equity, context.limits, context.latches, suspected)
        return self._asked_all(Subject(val, self._rules, made, seen.standing, seen.suspected), seen.changes)

    def watch(
        self, now_ns: int, equity: Decimal, limits: Mapping[str, bytes], latches: Mapping[str, LatchRow],
        suspected: Collection[str],
    ) -> Watched:  # fmt: skip
        """What follows from seeing the account's equity, whether or not an order is asked for.

        suspected: limits that the observation before this one was past.
        """
        return watch(self._rules.limits, now_ns, equity, limits, latches, suspected)

    def watch_funding(
        self, now_ns: int, payments: Iterable[FundingRow], limits: Mapping[str, bytes], latches: Mapping[str, LatchRow]
    ) -> Changes:
        """What follows from the day's funding payments, as they are booked."""
        return watch_funding(self._rules.limits.daily_funding, now_ns, payments, limits, latches)

    def _asked_all(self, subject: Subject, seen: Changes) -> Verdict:
        reduces, adds = subject.exposure.reduces, subject.exposure.adds
        for check in self._checks:
            if not adds and not check.applies_to_reducing:
                continue
            reason = check.violation(subject)
            if reason is None:
                continue
            if check.defers:
                return Hold(reason, seen)
            if check.applies_to_reducing or not reduces:
                return Refusal(reason, seen)
            return Pass(reduces, True, reason, self._sent(subject, seen))
        return Pass(subject.asked.signed_qty, not adds, None, self._sent(subject, seen))

    def _sent(self, subject: Subject, seen: Changes) -> Changes:
        """What is remembered when the order goes out: it counts against the rate, whatever it does."""
        if self._rules.mode is Mode.PAPER:
            return seen
        return (*seen, one_more(subject.context.limits, subject.context.now_ms))
