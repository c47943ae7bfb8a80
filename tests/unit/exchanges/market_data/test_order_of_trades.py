"""The order of trades within a millisecond."""

from typing import Any

import pytest

from shared.exchanges.market_data.parse import as_they_happened


def rows(raw: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As ccxt makes them: by time, then by id."""
    made = [{"id": one["i"], "timestamp": one["t"], "info": one} for one in raw]
    return sorted(made, key=lambda row: (row["timestamp"], row["id"]))


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("seq", [True, False])
def test_those_of_one_millisecond_come_as_they_happened(newest_first: bool, seq: bool) -> None:
    happened = [(4, 10, "d"), (5, 11, "z"), (5, 11, "a"), (5, 12, "m"), (7, 13, "b")]
    raw = [{"t": t, "i": i, **({"seq": str(s)} if seq else {})} for t, s, i in happened]
    answer = raw[::-1] if newest_first else raw
    assert [row["id"] for row in as_they_happened(answer, rows(answer))] == ["d", "z", "a", "m", "b"]


@pytest.mark.parametrize("newest_first", [True, False])
def test_what_the_exchange_numbers_goes_before_the_place_in_its_answer(newest_first: bool) -> None:
    """Bybit's own number of what happened; two fills of one order share it."""
    told = [(4, 10, "d"), (5, 12, "m"), (5, 11, "z"), (5, 11, "a"), (7, 13, "b")]
    raw = [{"t": t, "i": i, "seq": seq} for t, seq, i in told]
    answer = raw[::-1] if newest_first else raw
    assert [row["id"] for row in as_they_happened(answer, rows(answer))] == ["d", "z", "a", "m", "b"]


def test_what_was_made_of_something_else_is_left_as_it_is() -> None:
    strange = [{"id": "b", "timestamp": 5, "info": {}}, {"id": "a", "timestamp": 4, "info": {}}]
    assert as_they_happened([{"t": 5}], strange) == strange
