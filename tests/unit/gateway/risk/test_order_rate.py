"""Never more than the limit within any 60 s, and a memory that does not grow."""

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.risk.order_rate import one_more, sent


@given(st.lists(st.integers(0, 30_000), max_size=60), st.integers(1, 5))
def test_no_60_seconds_have_more_than_the_limit(pauses_ms: list[int], limit: int) -> None:
    limits: dict[str, bytes] = {}
    went_out: list[int] = []
    now_ms = 1_763_985_600_000
    for pause_ms in pauses_ms:
        now_ms += pause_ms
        if sent(limits, now_ms) < limit:
            row = one_more(limits, now_ms)
            limits[row.name] = row.value
            went_out.append(now_ms)
    for last_ms in went_out:
        assert sum(last_ms - 60_000 < at_ms <= last_ms for at_ms in went_out) <= limit


def test_after_a_minute_and_a_second_all_are_free_again() -> None:
    row = one_more({}, 1_000_500)
    limits = {row.name: row.value}
    assert [sent(limits, 1_000_500 + ms) for ms in (0, 60_000, 61_000)] == [1, 1, 0]


def test_only_the_last_minute_is_kept() -> None:
    limits: dict[str, bytes] = {}
    for second in range(200):
        row = one_more(limits, second * 1_000)
        limits = {row.name: row.value}
    assert len(limits[row.name]) < 300
    assert sent(limits, 199_000) == 61
