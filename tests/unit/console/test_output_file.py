"""OutputFile: whole or not at all."""

from pathlib import Path

import pytest

from services.console.output_file import OutputFile
from shared.errors import ConfigError


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
