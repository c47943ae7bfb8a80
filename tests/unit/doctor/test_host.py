"""What is found of this machine: each thing that is wrong has a finding with its remedy, what is well has none."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

from shared.doctor import host
from shared.doctor.finding import Finding, Grade
from shared.doctor.host import Mount


def grades(found: Iterable[Finding]) -> list[Grade]:
    seen = list(found)
    assert all(bool(finding.remedy) == (finding.grade is not Grade.OK) for finding in seen), seen
    return [finding.grade for finding in seen]


def test_packages_that_lack_and_packages_of_another_version() -> None:
    pins = {"": {"numpy": host.declared()[""]["numpy"], "redis": "1.0.0"}, "ccxt": {"no-such-package": "1.2"}}
    other, missing, counted = host.package_findings(["ccxt"], pins)
    assert "redis is " in other.what
    assert other.grade is Grade.WARNING
    assert (missing.grade, missing.what) == (Grade.FAULT, "no-such-package 1.2 is not installed (ccxt)")
    assert "tickline[ccxt]" in missing.remedy
    assert counted.what.startswith("3 looked at")
    assert grades(host.package_findings((), pins, wished=["ccxt"])) == [Grade.WARNING, Grade.WARNING, Grade.OK]
    assert grades(host.package_findings((), pins)) == [Grade.WARNING, Grade.OK]  # nobody asks for ccxt


def test_a_clones_newest_pins_count_and_not_what_was_installed(tmp_path: Path) -> None:
    text = (
        '[project]\ndependencies = ["numpy==99.1"]\n[project.optional-dependencies]\nccxt = ["psycopg[binary]==3.9"]\n'
    )
    (tmp_path / "pyproject.toml").write_text(text)
    assert host.declared(tmp_path) == {"": {"numpy": "99.1"}, "ccxt": {"psycopg": "3.9"}}


class Usage(NamedTuple):
    free: int


@pytest.mark.parametrize(
    ("free", "grade"), [(50_000_000, Grade.FAULT), (500_000_000, Grade.WARNING), (50_000_000_000, Grade.OK)]
)
def test_how_full_a_disk_is(free: int, grade: Grade, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(free))
    assert grades(host.disk_findings({"logs": tmp_path / "not" / "yet" / "there"})) == [grade]


def test_a_folder_that_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)  # root may write everywhere
    (found,) = host.disk_findings({"logs": tmp_path / "logs"})
    assert found.grade is Grade.FAULT
    assert str(tmp_path) in found.remedy


@pytest.mark.parametrize(
    ("kind", "wanted"), [("nfs4", [Grade.FAULT]), ("sshfs", [Grade.FAULT]), ("tmpfs", [Grade.FAULT]), ("ext4", [])]
)
def test_the_disk_of_a_journal(kind: str, wanted: list[Grade], tmp_path: Path) -> None:
    known = [Mount(Path("/"), "nfs4" if kind == "ext4" else "ext4"), Mount(tmp_path, kind)]  # the nearest counts
    assert grades(host.journal_disk(tmp_path / "state" / "journal-main.db", known)) == wanted


def test_the_clock() -> None:
    assert [host.clock_finding(status).grade for status in (0x2001, 0x40, None)] == [
        Grade.OK,
        Grade.WARNING,
        Grade.OK,
    ]


@pytest.mark.parametrize(("mode", "wanted"), [(0o600, Grade.OK), (0o640, Grade.FAULT), (0o644, Grade.FAULT)])
def test_a_secret_that_others_can_read(mode: int, wanted: Grade, tmp_path: Path, open_folders: None) -> None:
    key = tmp_path / "api_secret"
    key.write_text("hush")
    key.chmod(mode)
    found = list(host.secret_findings([key, tmp_path / "api_password"]))
    assert grades(found) == [wanted]
    assert found[0].remedy == ("" if wanted is Grade.OK else f"chmod 600 {key}")
    assert "hush" not in str(found)


def test_a_secret_in_a_folder_into_which_nobody_else_comes(tmp_path: Path, open_folders: None) -> None:
    key = tmp_path / "keys" / "api_key"
    key.parent.mkdir(0o700)
    key.write_text("hush")
    key.chmod(0o644)
    assert grades(host.secret_findings([key])) == [Grade.OK]


def test_code_that_everybody_can_write(tmp_path: Path, open_folders: None) -> None:
    file = tmp_path / "mine.py"
    file.write_text("")
    file.chmod(0o644)
    assert grades(host.writable_findings([file, tmp_path / "gone.py"])) == [Grade.OK]
    file.chmod(0o666)
    assert grades(host.writable_findings([file])) == [Grade.FAULT]


@pytest.fixture
def open_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Everybody comes through the folders above tmp_path, wherever the tests run."""
    real = host._mode
    above = {*tmp_path.resolve().parents, tmp_path.resolve()}
    monkeypatch.setattr(host, "_mode", lambda path: 0o40755 if path in above else real(path))
