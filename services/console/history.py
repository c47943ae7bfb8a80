"""Whether all that the bus holds was made under the settings of this run: only then does a backtest tell something."""

import hashlib
import json

from shared.bus.api import Bus
from shared.config import Settings
from shared.strategies.identity import identity_or_none

RAN_WITH = "ran_with:"  # beside the partition count: one field for all settings that `tickline run` ran with


async def one_history(bus: Bus, settings: Settings) -> bool:
    """Note this run's settings on the bus; whether no run before it had others."""
    session = await bus.connect()
    try:
        known = await session.meta({f"{RAN_WITH}{mark(settings)}": "1"})
    finally:
        await session.close()
    return sum(name.startswith(RAN_WITH) for name in known) == 1


def mark(settings: Settings) -> str:
    """A short name for everything that decides which orders are made; pace, limit and symbols are not among it.

    >>> mark(Settings(symbols=("SIM-A",))) == mark(Settings()) != mark(Settings(interval="5m"))
    True
    """
    ingestor = settings.ingestor.model_dump(mode="json", include={"source", "files", "seed"})
    made = identity_or_none(settings)
    signal = None if made is None else made.sha256
    strategy = settings.strategy.model_dump(mode="json", include={"name", "params", "balance"})
    gateway = settings.gateway.model_dump(mode="json", include={"venue", "fee", "slippage_bps"})
    text = json.dumps([settings.interval, ingestor, signal, strategy, gateway], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
