"""What a run says at its end, to a person and as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from services.research.parity import Parity
from shared.messages import Stream

SHOWN = (Stream.TICKS, Stream.PREDICTIONS, Stream.DECISIONS, Stream.ORDERS, Stream.EXECUTIONS)


@dataclass(frozen=True)
class Summary:
    """Counts per stream, money in quote units, waits in µs. parity: None where it was not compared.

    refusals: reason -> orders that ended with it, where they went to a venue; None where they were filled on paper.
    """

    counts: Mapping[Stream, int]
    final_equity: Decimal
    fees: Decimal
    latency_us: Mapping[str, float | None]
    parity: Parity | None
    restarts: int
    finished: bool
    refusals: Mapping[str, int] | None = None
    live: bool = False

    def as_json(self) -> dict[str, object]:
        """The documented form."""
        parity = {"compared": self.parity.compared, "identical": self.parity.identical} if self.parity else None
        return {
            **{str(stream): self.counts[stream] for stream in SHOWN},
            "final_equity": str(self.final_equity),
            "fees": str(self.fees),
            "parity": parity,
            "latency_us": dict(self.latency_us),
            "restarts": self.restarts,
            "finished": self.finished,
            **({} if self.refusals is None else {"refusals": dict(self.refusals)}),
        }

    def lines(self) -> list[str]:
        """The same for a person."""
        counts = ", ".join(f"{self.counts[stream]} {stream}" for stream in SHOWN)
        waits = ", ".join(
            f"{name.replace('999', '99.9')} {_ms(us)}" for name, us in self.latency_us.items() if us is not None
        )
        shown = [
            f"{'done' if self.finished else 'stopped'}: {counts}",
            f"final equity: {self.final_equity}  (fees paid {self.fees.normalize():f})",
            f"tick to execution: {waits or 'no executions'}",
        ]
        if self.restarts:
            shown.append(f"restarted processes: {self.restarts}")
        if self.refusals is not None:
            reasons = (f"{count} {reason}" for reason, count in sorted(self.refusals.items()))
            shown.append(f"not filled: {', '.join(reasons) or 'none'}")
            shown.append("parity: not compared (orders went to a venue)")
        elif self.parity is not None:
            shown.append(f"parity: {self.parity.identical} of {self.parity.compared} orders identical to the backtest")
            if self.finished and self.parity.final_equity != self.final_equity:  # stopped: orders may be in flight
                shown.append(f"parity: the backtest's final equity is {self.parity.final_equity}")
            if self.parity.first_difference:
                shown.append(f"parity: first difference: {self.parity.first_difference}")
        elif self.live:
            shown.append(
                "parity: not compared: live data cannot be had once more; `tickline parity` compares a recording"
            )
        else:
            shown.append(
                "parity: not compared: this bus also holds a run with other settings (clean: another bus.folder)"
            )
        return shown


def _ms(us: float) -> str:
    return f"{us / 1000:.1f} ms"
