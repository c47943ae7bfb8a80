"""The table of docs/features.md is what the features are."""

import re
from pathlib import Path

from shared.features.contract import market
from shared.features.registry import FEATURES, make_feature

PAGE = (Path(__file__).parents[3] / "docs" / "features.md").read_text()
ROWS = re.findall(r"^\| `([^`]+)` \| .+ \| .+ \| (\d+) \| ?(\w*) \|$", PAGE, flags=re.MULTILINE)


def test_the_table_has_every_feature_with_its_warm_up_and_needs() -> None:
    assert {spec.partition("(")[0] for spec, _, _ in ROWS} == set(FEATURES)
    assert len(ROWS) == len(FEATURES)
    for spec, ticks, needs in ROWS:
        feature = make_feature(spec)
        assert feature.spec == spec
        assert sorted(feature.needs) == needs.split()
        first = next(n for n, value in enumerate(market(feature, 0.01), 1) if feature.on_tick(value) is not None)
        assert (spec, first) == (spec, int(ticks))
