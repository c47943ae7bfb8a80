"""Options of several values."""

from pathlib import Path

import pytest

from services.console.options import OutputFile, floats, instant, integers, words
from shared.errors import ConfigError
from shared.wall_time import UTC_TIME


def test_values_between_commas() -> None:
    assert words("--sizing", "constant, compounding", "") == ("constant", "compounding")
    assert integers("--lags", "1, 3,5") == (1, 3, 5)
    assert floats("--threshold", "0,1e-3") == (0.0, 0.001)


@pytest.mark.parametrize("text", ["", " ", "1,,2", "1;2", "1,x"])
def test_what_is_no_list_of_numbers_names_the_option(text: str) -> None:
    for kind in (integers, floats):
        with pytest.raises(ConfigError, match=rf"^--some '{text}': write .*, e\.g\. "):
            kind("--some", text)


@pytest.mark.parametrize("text", ["", "a,,b", "a, "])
def test_a_value_must_be_there(text: str) -> None:
    with pytest.raises(ConfigError, match=rf"^--some '{text}': write values .*, e\.g\. a,b"):
        words("--some", text, "a,b")


# OutputFile: whole or not at all.


def test_what_stood_there_stays_until_all_is_written(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")
    with OutputFile("--csv", path) as file:
        file.write("new\n")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_bytes() == b"new\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_nothing_new(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    with pytest.raises(TypeError), OutputFile("--csv", path) as file:
        file.writelines(["half", 1])  # type: ignore[list-item]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "none/out.csv"])
def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"--csv .*: cannot be written: "):
        OutputFile("--csv", tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_device_is_written_and_not_replaced() -> None:
    with OutputFile("--csv", Path("/dev/null")) as file:
        file.write("gone")
    assert not Path("/dev/null").is_file()
    assert not Path("/dev/.null.part").exists()


def test_a_bad_time_names_the_option() -> None:
    with pytest.raises(ConfigError, match=r"^--at 'noon' is no time: write e\.g\. 12:00"):
        instant("--at", "noon", UTC_TIME)
