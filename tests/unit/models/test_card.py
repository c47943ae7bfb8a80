"""Which ticks a model was made for."""

from shared.models.card import Card


def made_for(interval: str) -> Card:
    return Card(
        name="a", model="LinearModel", features="log_return_lags(3)", no_features=3, symbols=("BTCUSDT",),
        interval=interval, sha256="0" * 64, origin="a test",
    )  # fmt: skip


def test_an_interval_is_the_same_however_it_is_written() -> None:
    assert made_for("1m").ticks_every("60s")
    assert not made_for("1m").ticks_every("1h")


def test_each_trade_is_an_interval_of_its_own() -> None:
    assert made_for("trade").ticks_every("trade")
    assert not made_for("trade").ticks_every("1s")
    assert not made_for("1s").ticks_every("trade")
