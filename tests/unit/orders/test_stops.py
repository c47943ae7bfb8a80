from hypothesis import given
from hypothesis import strategies as st

from shared.messages.reasons import StopKind
from shared.orders.stops import stop_id

Words = tuple[str, str, StopKind, int]
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)  # which stands between the words
WORDS = st.tuples(TEXT, TEXT, st.sampled_from(list(StopKind)), st.integers(0, 3))


@given(WORDS, WORDS)
def test_an_id_is_of_its_words_and_of_no_others(one: Words, other: Words) -> None:
    first, second = stop_id(*one), stop_id(*other)
    assert (first == second) == (one == other)
    assert len(first) == 32
    assert first.isalnum()
