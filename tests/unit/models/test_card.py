"""Which ticks a model was made for."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.messages.market import Group
from shared.models.card import Card, ModelRefused, card_of


def made_for(interval: str) -> Card:
    return Card(
        name="a", model="LinearModel", features=("log_return_lags(3)",), no_features=3, symbols=("BTCUSDT",),
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


def test_an_older_cards_single_feature_is_read() -> None:
    text = made_for("12h").model_dump_json().replace('["log_return_lags(3)"]', '"log_return_lags(3)"')
    assert card_of(Path("m.json"), text.encode()) == made_for("12h")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"model": None}, "a model of format torch needs a class in `model`"),
        ({"format": "onnx"}, "a model of format onnx has no class: leave `model` out"),
        ({"format": "onnx", "model": None, "params": {"hidden": 3}}, "a model of format onnx takes no params"),
        ({"window": 0}, "window: "),
        ({"needs": ["candles"]}, "needs.0: "),
        ({"params": {"hidden": [1]}}, "params.hidden"),
    ],
)
def test_fields_that_do_not_go_together_are_refused(changes: dict[str, Any], why: str) -> None:
    told = made_for("12h").model_dump(mode="json") | changes
    with pytest.raises(ModelRefused) as refused:
        card_of(Path("m.json"), json.dumps(told).encode())
    assert why in str(refused.value)


def test_a_card_keeps_every_kind_of_parameter() -> None:
    params: dict[str, Any] = {"hidden": 3, "dropout": 0.5, "bias": True, "kind": "gru", "layers": 0}
    card = made_for("12h").model_copy(update={"params": params})
    again = card_of(Path("m.json"), card.model_dump_json().encode())
    assert [(name, type(value)) for name, value in again.params.items()] == [
        (name, type(value)) for name, value in params.items()
    ]
    assert again == card


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", "NonLinearModel"), ("params", {"hidden": 3}), ("features", ("log_return_lags(4)",)),
        ("needs", (Group.BAR,)), ("no_features", 4), ("window", 2), ("batched", True), ("interval", "6h"),
        ("sha256", "1" * 64),
    ],
)  # fmt: skip
def test_the_hash_is_another_where_another_thing_predicts(field: str, value: object) -> None:
    assert made_for("12h").model_copy(update={field: value}).short_hash != made_for("12h").short_hash


def test_the_hash_has_the_users_code_and_nothing_that_does_not_decide() -> None:
    card = made_for("12h")
    assert card.predicting_hash({"m.py:Net": "a"}) != card.predicting_hash({"m.py:Net": "b"}) != card.predicting_hash()
    assert card.model_copy(update={"name": "b", "origin": "else", "symbols": ("*",)}).short_hash == card.short_hash


def test_a_model_of_a_coarser_interval_takes_so_many_ticks() -> None:
    assert [made_for("12h").ticks_in(each) for each in ("12h", "1h", "5m", "5h", "1d", "trade")] == [
        1, 12, 144, None, None, None,
    ]  # fmt: skip
    assert made_for("trade").ticks_in("trade") == 1
