"""A bus that also holds a run with other settings cannot be compared with one backtest."""

from services.console.history import one_history
from shared.bus.memory_bus import MemoryBus
from shared.config import load_settings


async def test_other_settings_are_remembered() -> None:
    bus = MemoryBus(lease_s=1.0, maxlens={})
    plain, netting = load_settings(), load_settings(strategy={"params": {"netting": True}})
    assert await one_history(bus, plain)
    assert await one_history(bus, load_settings(symbols=("SIM-A", "X"), ingestor={"limit": 5, "ticks_per_s": 0.0}))
    assert not await one_history(bus, netting)
    assert not await one_history(bus, plain), "what was made in between stays"
