"""`make house ARGS=--ways`: every way is gone, from its begin to its end."""

from pathlib import Path

from tests.traced.ingestor import ingestor
from tests.traced.line import SAMPLES, line


async def test_the_ways_of_a_line(tmp_path: Path) -> None:
    """An order enters the gateway's files and no other service's; likewise a tick and a prediction."""
    order, tick, prediction, decide = await line(tmp_path)
    for way in (order, tick, prediction, decide):
        assert len(way.samples) == SAMPLES, way.name
        services = {name for name in way.files() if name.startswith("services/")}
        assert services
        assert all(name.startswith(f"services/{way.service}/") for name in services), services
    assert any(name.startswith("shared/journal/") for name in order.files())
    assert set(decide.files()) < set(prediction.files())
    assert all(lines > 0 for lines in order.files().values())


async def test_the_way_of_a_trade(tmp_path: Path) -> None:
    """From ccxt.pro's message to the commit of a bar's tick."""
    (trade,) = await ingestor(tmp_path)
    files = list(trade.files())
    assert files[0].startswith("shared/exchanges/")
    assert files[-1].startswith("shared/bus/")
