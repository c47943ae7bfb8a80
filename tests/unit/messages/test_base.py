"""A message made without validation is, for all who use it, the validated one."""

import copy
import pickle
from decimal import Decimal

import pytest

from shared.messages import MarketTick
from shared.record import unvalidated

FIELDS = {
    "n": 1, "sym": "BTCUSDT", "ts_event": 2, "tr": "t", "venue": "v", "price": Decimal("7.10"), "history": False,
}  # fmt: skip
VALIDATED = MarketTick.model_validate(FIELDS)
MADE = unvalidated(MarketTick)(n=1, sym="BTCUSDT", ts_event=2, tr="t", venue="v", price=Decimal("7.10"), history=False)


def test_it_equals_the_validated_one() -> None:
    assert MADE == VALIDATED
    assert VALIDATED == MADE
    assert hash(MADE) == hash(VALIDATED)
    assert repr(MADE) == repr(VALIDATED)
    assert MADE.model_fields_set == VALIDATED.model_fields_set
    assert MADE.model_dump() == FIELDS
    assert MADE.model_dump_json() == VALIDATED.model_dump_json()


def test_it_is_copied_and_pickled_as_the_validated_one() -> None:
    assert MADE.model_copy(update={"n": 5}) == VALIDATED.model_copy(update={"n": 5})
    assert copy.copy(MADE) == copy.deepcopy(MADE) == VALIDATED
    assert pickle.loads(pickle.dumps(MADE)) == VALIDATED


def test_it_is_frozen_and_has_no_other_attributes() -> None:
    with pytest.raises(ValueError, match="frozen"):
        MADE.n = 2  # type: ignore[misc]
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        getattr(MADE, "other")  # noqa: B009


def test_a_field_that_is_not_given_is_refused() -> None:
    with pytest.raises(TypeError, match="MarketTick needs all of history, n, price, sym, tr, ts_event, venue"):
        unvalidated(MarketTick)(n=1)  # type: ignore[call-arg]
