"""Which ticks a model was made for."""

from pathlib import Path

import pytest

from shared.models.card import Card, ModelRefused, card_of


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


def test_a_card_with_a_byte_order_mark_is_one() -> None:
    card = made_for("12h")
    assert card_of(Path("m.json"), b"\xef\xbb\xbf" + card.model_dump_json().encode()) == card


def test_what_is_wrong_with_a_card_is_one_sentence() -> None:
    text = made_for("12h").model_dump_json().replace('"12h"', '"12 hours"')
    with pytest.raises(ModelRefused) as refused:
        card_of(Path("m.json"), text.encode())
    assert str(refused.value).startswith("card m.json, interval: interval '12 hours' is unknown: write a number")
