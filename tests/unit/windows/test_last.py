"""Last: what came last."""

from hypothesis import given
from hypothesis import strategies as st

from shared.windows import Last


@given(st.lists(st.one_of(st.integers(), st.text(), st.floats(allow_nan=False)), min_size=1))
def test_it_returns_and_remembers_each_value(series: list[int | str | float]) -> None:
    last = Last[int | str | float]()
    assert last.value() is None
    for value in series:
        assert last.on_tick(value) == value
        assert last.value() == value
    assert repr(last) == f"Last(value={series[-1]})"
