"""The edge in a sentence: what the monitor said of it last, or what the model's card shows. Pure."""

from shared.drift.days import bars_more
from shared.drift.reference import DriftReference
from shared.messages.monitor import SHOWN, DriftReading
from shared.plural import plural

BPS = 10_000


def edge_of(reading: DriftReading, reference: DriftReference | None) -> str:
    """Returns what the monitor said of the edge. reference: the card's, which tells how long it may take yet."""
    shown = "edge shown at 95 %" if reading.edge_shown else "no edge shown"
    said = f"live {shown}: evidence {reading.edge:.3g} of {SHOWN:g} in {plural(reading.held, 'held bar')}"
    more = None if reference is None or reading.edge_shown else bars_more(reference.mean, reading.edge)
    said += "" if more is None else f", about {more} more"
    if not reading.latch_bars:
        return said
    return f"{said}; decay {reading.state}: {reading.decay:.3g} of {reading.latch_bars}"


def edge_on(reference: DriftReference | None) -> str:
    """Returns what a model's card says of the edge, before the monitor has said anything."""
    if reference is None:
        return "no edge shown: the model's card has no figures out of sample for this strategy and these costs"
    shown = "edge shown" if reference.shows_edge else "no edge shown"
    return (
        f"{shown} by the model's card: out of sample {reference.mean_net * BPS:+.2f} bps a held bar, "
        f"{plural(reference.held, 'held bar')}"
    )
