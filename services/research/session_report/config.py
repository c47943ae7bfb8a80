"""A session is compared with what was configured then, as its recording keeps it; else with what is configured now."""

from typing import NamedTuple

from shared.config import Settings
from shared.lookup import Lookup
from shared.messages import Stream
from shared.recording.checkpoint import RUNTIMES, recorded_model, settings_at, settings_of

_OF_COSTS = ("mode", "fee", "slippage_bps")  # of the gateway's section; the rest is about this machine


class RecordedConfig(NamedTuple):
    """The recorded config says with what a session ran.

    - recorded: it is that of then.
    - changed: it was another one at the window's beginning.
    """

    settings: Settings
    recorded: bool
    changed: bool


async def config_of(
    settings: Settings, lookup: Lookup, sym: str, since_ns: int | None, until_ns: int | None
) -> RecordedConfig:
    """Returns the config of a symbol's session: that of its last decision in the window. Raises DataError.

    - settings: of now, which are taken where nothing is recorded.
    """
    last = await lookup.last(Stream.DECISIONS, sym, 1, until_ns)
    folder = lookup.recording
    kept = settings_at(folder, last[-1].at_ns) if folder is not None and last else None
    if folder is None or kept is None:
        return RecordedConfig(settings, recorded=False, changed=False)
    first = last if since_ns is None else await lookup.last(Stream.DECISIONS, sym, 1, since_ns)
    before = settings_at(folder, first[-1].at_ns if since_ns is not None and first else 0)
    changed = before is not None and _deciding(before) != _deciding(kept)
    then = settings_of(kept)
    model = recorded_model(kept, settings.signal.folders)
    signal = then.signal.model_copy(update={"weights": settings.signal.weights})
    found = settings.model_copy(
        update={
            "interval": then.interval,
            "symbols": then.symbols,
            "ingestor": then.ingestor,
            "signal": signal if model is None else signal.model_copy(update={"model": model}),
            "strategy": then.strategy,
            "gateway": settings.gateway.model_copy(update={name: getattr(then.gateway, name) for name in _OF_COSTS}),
        }
    )
    return RecordedConfig(found, recorded=True, changed=changed)


def _deciding(kept: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in kept.items() if name not in (RUNTIMES, "run_id", "monitor")}
