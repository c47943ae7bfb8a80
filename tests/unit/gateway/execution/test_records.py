"""What makes two orders of one id the same order, for as long as there are journals."""

from decimal import Decimal
from typing import Annotated

import pytest

from services.gateway.execution.records import content_of
from shared.messages import Leg, OrderIntent
from shared.record import WIRE, Since

FIELDS = {
    "n": 7, "sym": "BTCUSDT", "ts_event": 1_730_203_200_000_000_000, "tr": "replay:BTCUSDT:1730203200000000000:1",
    "tick_n": 1, "client_order_id": "0123456789abcdef", "leg": Leg.OPEN, "signed_qty": Decimal("0.0013997"),
    "reduce_only": False, "price": Decimal("71440.10"), "valid_until": 0, "after": None,
}  # fmt: skip
CONTENT = "1be76d148d7b91419db122488ea208e55beffd61123ccd664776d2bf2e3da30e"


class Later(OrderIntent):
    """As a newer Tickline may know it."""

    added: Annotated[str, Since(WIRE + 1)] = ""


def test_the_content_of_an_order_is_the_same_in_every_version() -> None:
    assert content_of(OrderIntent.model_validate(FIELDS)) == CONTENT
    assert content_of(Later.model_validate(FIELDS)) == CONTENT
    assert content_of(Later.model_validate(FIELDS | {"added": "x"})) != CONTENT


@pytest.mark.parametrize(
    ("field", "value"), [("n", 8), ("price", Decimal("71440.1")), ("price", Decimal("71440.11")), ("after", "0" * 16)]
)
def test_all_but_the_number_on_the_stream_is_content(field: str, value: object) -> None:
    """And but for how a number is written."""
    same = field == "n" or FIELDS[field] == value
    assert (content_of(OrderIntent.model_validate(FIELDS | {field: value})) == CONTENT) == same
