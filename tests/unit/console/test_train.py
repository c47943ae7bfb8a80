"""What `tickline train` refuses before it reads a file."""

from pathlib import Path

import pytest

from services.console.train import _spec
from shared.errors import ConfigError, UserCodeFailed
from shared.features.log_return_lags import LogReturnLags
from shared.features.registry import FEATURES

GIVEN: dict[str, object] = {
    "data": Path("bars.csv"),
    "sym": "BTCUSDT",
    "interval": "1h",
    "features": "log_return_lags(3)",
    "fit": {},
}


class Unbuilt(LogReturnLags):
    """An author's feature that cannot even be made."""

    def __init__(self, lags: int) -> None:
        raise KeyError("lags")


def test_a_feature_that_cannot_be_made_is_its_authors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FEATURES, "log_return_lags", Unbuilt)
    with pytest.raises(UserCodeFailed, match=r"^BTCUSDT: KeyError: 'lags' \(.*test_train.py:\d+, in __init__\)$"):
        _spec(GIVEN)


def test_what_is_wrong_is_named_by_its_option() -> None:
    with pytest.raises(ConfigError, match=r"^--features: feature 'nothing' is unknown; there are: atr, .*, z_score$"):
        _spec({**GIVEN, "features": "nothing(3)"})
