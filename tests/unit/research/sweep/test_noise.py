"""Of noise a sweep seldom says that there is an edge; the bench counts 200 of them."""

import pytest

from tests.bench.sweep import at_most, counted, drawn


@pytest.mark.long
def test_an_edge_is_seldom_shown_of_noise() -> None:
    figures = counted([drawn(3_000, seed) for seed in range(40)])
    assert figures["edge shown"] <= figures["at most"] == at_most(40) == 5
    assert figures["a p-value of 0.05 or less"] <= figures["at most"]
    assert 0.35 <= figures["mean probability of overfitting"] <= 0.65
    assert at_most(200) == 16
