"""A lookahead is found, and nothing else is."""

import random
from pathlib import Path

import pytest

from services.research.backtest import VenueRules
from services.research.lookahead.check import LookaheadCheck, NoLookahead, reading
from services.research.lookahead.guard import Guard
from shared.config import Settings
from shared.errors import LookaheadFound
from shared.history.times import time_text
from tests.lookahead_examples import normalised_card
from tests.unit.research.backtest.helpers import DAY_NS, START_NS, SYM, MakeSettings, Row

ROWS: list[Row] = []
for _price in random.Random(3).sample(range(900, 1100), 60):
    ROWS.append((_price, _price + 9, _price - 9, _price + 2))


def with_strategy(settings: Settings, name: str, **params: str) -> Settings:
    own = settings.strategy.model_copy(update={"name": name, "params": params})
    return settings.model_copy(update={"strategy": own})


def check(settings: Settings, rules: VenueRules | None = None, cuts: int = 6, **window: int | None) -> NoLookahead:
    with Guard(settings.ingestor.files[SYM]) as guard:
        start, end = window.get("start_ns"), window.get("end_ns")
        return LookaheadCheck(settings, rules or VenueRules(), start, end, guard).run(cuts)


@pytest.mark.parametrize("name", ["peeks", "peeks_far", "awaits_moves", "knows_the_end"])
@pytest.mark.parametrize("fill", ["decision", "next_open"])
def test_a_strategy_that_knows_the_future(settings_of: MakeSettings, name: str, fill: str) -> None:
    settings = settings_of(ROWS)
    path = settings.ingestor.files[SYM]
    with pytest.raises(LookaheadFound, match=rf"lookahead at tick \d+ \(2024-.*\) of {SYM}: .*, but with the") as found:
        check(with_strategy(settings, name, prices=str(path)), VenueRules(fill=fill))
    assert found.value.exit_code == 6
    assert str(path) in str(found.value)


def test_the_first_difference_is_told(settings_of: MakeSettings) -> None:
    """The tick before the cut knows the price behind it: there the mirrored one is on the other side."""
    settings = settings_of([[str(price)] for price in (100, 90, 110, 120, 130)])
    peeks = with_strategy(settings, "peeks", prices=str(settings.ingestor.files[SYM]))
    with pytest.raises(LookaheadFound) as found:
        check(peeks, cuts=1)
    at = time_text(START_NS + 2 * DAY_NS)
    assert f"lookahead at tick 2 ({at}) of {SYM}: BUY 1.1111111 {SYM} (open) at 90, but with the mirrored rows " in str(
        found.value
    )
    assert f"behind tick 2: SELL 1.1111111 {SYM} (open) at 90: " in str(found.value)


@pytest.mark.parametrize(
    ("rules", "window"),
    [
        (VenueRules(), {}),
        (VenueRules(fill="next_open"), {}),
        (VenueRules(maintenance_margin="0.005"), {}),
        (VenueRules(), {"start_ns": START_NS + 20 * DAY_NS}),
        (VenueRules(fill="next_open"), {"start_ns": START_NS + 20 * DAY_NS, "end_ns": START_NS + 40 * DAY_NS}),
    ],
)
@pytest.mark.parametrize("name", ["basic_taker", "recalls"])
def test_what_uses_the_past_alone(
    settings_of: MakeSettings, name: str, rules: VenueRules, window: dict[str, int]
) -> None:
    settings = settings_of(ROWS, fee="0.001")
    params = {"prices": str(settings.ingestor.files[SYM])} if name == "recalls" else {}
    first, last = window.get("start_ns", START_NS + DAY_NS), window.get("end_ns", START_NS + 60 * DAY_NS)
    decisions = (last - first) // DAY_NS
    found = check(with_strategy(settings, name, **params), rules, **window)
    assert found.cuts == 6
    assert decisions - 1 <= found.decisions <= decisions


def test_funding_is_no_future(settings_of: MakeSettings, tmp_path: Path) -> None:
    rates = tmp_path / "funding.csv"
    days = range(0, 60, 2)
    rates.write_text("datetime,rate\n" + "".join(f"{time_text(START_NS + day * DAY_NS)},0.001\n" for day in days))
    assert check(settings_of(ROWS), VenueRules(funding=rates)).cuts == 6


def test_a_cut_before_any_price_moved_is_not_made(settings_of: MakeSettings) -> None:
    assert check(settings_of([["5"]] * 10 + [["6"], ["7"], ["8"]]), cuts=100) == NoLookahead(12, 2, 4)


def test_a_cut_is_made_where_the_rows_before_it_are_a_file_by_themselves(settings_of: MakeSettings) -> None:
    """A file of gaps alone would be refused for its interval."""
    settings = settings_of(ROWS)
    days = [0, 2, 4, 6, 8, 9, 11, 12]
    lines = [f"{time_text(START_NS + day * DAY_NS)},{100 + day}" for day in days]
    settings.ingestor.files[SYM].write_text("\n".join(["datetime,price", *lines]) + "\n")
    assert check(settings, cuts=100) == NoLookahead(7, 2, 4)


def test_a_feature_that_read_the_whole_file(settings_of: MakeSettings, tmp_path: Path) -> None:
    settings = settings_of(ROWS)
    path = settings.ingestor.files[SYM]
    card = normalised_card(tmp_path, path, "1d")
    model = settings.signal.model_copy(update={"model": str(card)})
    with pytest.raises(LookaheadFound, match=r"rows\.csv: opened while only copies of it are to be read: a feature"):
        check(settings.model_copy(update={"signal": model}))


def test_what_was_opened_before_the_check_counts(settings_of: MakeSettings) -> None:
    settings = settings_of(ROWS)
    path = settings.ingestor.files[SYM]
    with Guard(path) as guard:
        path.read_text()
        with pytest.raises(LookaheadFound, match="opened while"):
            LookaheadCheck(settings, VenueRules(), None, None, guard).run(1)


def test_another_program_may_open_it_after_the_first_run(settings_of: MakeSettings) -> None:
    settings = settings_of(ROWS)
    path = settings.ingestor.files[SYM]
    with Guard(path) as guard:
        check = LookaheadCheck(settings, VenueRules(), None, None, guard)
        assert check.run(1, lambda *_: assert_read(path)).cuts == 1


def assert_read(path: Path) -> None:
    assert path.read_text()


def test_a_strategy_that_is_not_the_same_twice(settings_of: MakeSettings) -> None:
    with pytest.raises(LookaheadFound, match=r"is not the same twice, first at tick 2 .*: nothing can be shown"):
        check(with_strategy(settings_of(ROWS), "moody"))


def test_nothing_behind_a_decision_shows_nothing(settings_of: MakeSettings) -> None:
    with pytest.raises(LookaheadFound, match="no row comes after a decision"):
        check(settings_of([["5"], ["6"]]))


def test_the_file_stays_and_nothing_is_left(
    settings_of: MakeSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = settings_of(ROWS)
    path, scratch = settings.ingestor.files[SYM], tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    before = path.read_bytes(), path.stat().st_mtime_ns
    reports: list[tuple[str, int, int]] = []
    with Guard(path) as guard:
        LookaheadCheck(settings, VenueRules(), None, None, guard).run(2, lambda *report: reports.append(report))
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert not list(scratch.iterdir())
    assert [report[1:] for report in reports] == [(0, 0), *((done, 6) for done in range(6))]


def test_a_parameter_that_names_the_file_names_the_copy(
    settings_of: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(ROWS)
    path = settings.ingestor.files[SYM]
    monkeypatch.chdir(path.parent)
    params = {"prices": path.name, "again": str(path), "other": "other.csv", "leverage": 2}
    own = settings.strategy.model_copy(update={"params": params})
    found = reading(settings.model_copy(update={"strategy": own}), Path("copy.csv"))
    assert found.strategy.params == {"prices": "copy.csv", "again": "copy.csv", "other": "other.csv", "leverage": 2}
    assert found.ingestor.files == {SYM: Path("copy.csv")}
