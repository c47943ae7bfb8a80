"""What `make test` does when a test fails, with a Python in which all of them do."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_a_group_that_fails_keeps_the_other_from_nothing(tmp_path: Path) -> None:
    """Those that run alone come second, and are run; the command says that something failed."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\ncase "$*" in *"$FAILS") exit 1;; esac\n')
    python.chmod(0o755)
    (tmp_path / ".ready").write_text("")  # newer than what it is made of

    def made(fails: str) -> tuple[bool, list[str]]:
        (tmp_path / "asked").unlink(missing_ok=True)
        command = ["make", "test", f"VENV={tmp_path}", "ARGS="]
        done = subprocess.run(command, cwd=ROOT, env={"PATH": "/usr/bin:/bin", "FAILS": fails}, capture_output=True)
        return done.returncode == 0, (tmp_path / "asked").read_text().splitlines()

    everything = made("nothing")
    assert everything[0]
    groups = [asked.rpartition("-m ")[2] for asked in everything[1]]
    assert groups[0] == "not alone and not long"
    assert groups[1].startswith("alone tests/")
    assert made("-m not alone and not long") == (False, everything[1])
    assert made(f"pytest -m {groups[1]}") == (False, everything[1])
