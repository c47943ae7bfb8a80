"""What is found of a model without loading it."""

import shutil
from pathlib import Path

import pytest

from shared.config import Settings
from shared.config.settings import SHIPPED
from shared.doctor.finding import Finding, Grade
from shared.doctor.model import model_findings, needed_extra

NAME = "btcusdt_12h_linear"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "weights"))


def settings(weights: Path, **more: object) -> Settings:
    return Settings(
        **{"symbols": ("BTCUSDT",), "interval": "12h", "signal": {"model": NAME, "weights": weights}, **more}
    )  # type: ignore[arg-type]


def wrong(given: Settings) -> list[Finding]:
    found = list(model_findings(given))
    assert all(bool(one.remedy) == (one.grade is not Grade.OK) for one in found), found
    return [one for one in found if one.grade is not Grade.OK]


def test_the_shipped_models_are_what_their_cards_say(weights: Path) -> None:
    assert wrong(settings(weights)) == []
    assert needed_extra(settings(weights)) == "torch"


def test_weights_that_were_altered(weights: Path) -> None:
    (weights / f"{NAME}.pth").write_bytes(b"other")
    (found,) = wrong(settings(weights))
    assert (found.check, found.grade) == ("model", Grade.FAULT)
    assert "restore it, or train anew" in found.remedy


def test_altered_weights_of_a_model_that_is_not_used_are_a_warning(weights: Path) -> None:
    (weights / "simulated_linear.pth").write_bytes(b"other")
    assert [found.grade for found in wrong(settings(weights))] == [Grade.WARNING]


def test_a_card_that_is_none_and_weights_that_are_not_there(weights: Path) -> None:
    (weights / f"{NAME}.pth").unlink()
    assert [found.grade for found in wrong(settings(weights))] == [Grade.FAULT]
    (weights / f"{NAME}.json").write_text("{}")
    assert Grade.FAULT in [found.grade for found in wrong(settings(weights))]
    assert needed_extra(settings(weights)) == ""


def test_another_symbol_and_another_interval(weights: Path) -> None:
    found = wrong(settings(weights, symbols=("ETHUSDT",), interval="7h"))
    assert [one.grade for one in found] == [Grade.FAULT, Grade.FAULT]


def test_a_strategy_that_is_none(weights: Path) -> None:
    (found,) = wrong(settings(weights, strategy={"name": "no_such"}))
    assert (found.check, found.grade) == ("strategy", Grade.FAULT)


def test_without_a_model(weights: Path) -> None:
    assert wrong(settings(weights, signal={"model": "none", "weights": weights})) == []
