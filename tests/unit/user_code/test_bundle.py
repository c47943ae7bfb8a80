"""A bundle carries a user's code to a process that does not see the folder."""

import multiprocessing
import shutil
from pathlib import Path

import pytest

from shared.errors import UserCodeFailed
from shared.user_code import load
from shared.user_code.bundle import Bundle
from tests.unit.user_code.conftest import Write

MINE = """
from helper import VALUE
class Mine:
    def value(self):
        import pkg.late
        return VALUE, pkg.late.VALUE
"""


def _worked(bundle: Bundle) -> tuple[object, str, str]:
    with bundle.in_use():
        loaded = load("mine.py:Mine")
        mine = loaded.object()
        return mine.value(), loaded.hash, type(mine).value.__code__.co_filename


def test_a_worker_without_the_folder_has_the_same_code(write: Write) -> None:
    folder = write(mine=MINE, helper="VALUE = 1", pkg__late="VALUE = 2", not_imported="VALUE = 3")
    here = load("mine.py:Mine", folder)
    bundle = Bundle.of(["mine.py:Mine(20, 2.0)", "log_return_lags(3)", "basic_taker"], folder)
    assert [[path for path, _ in packed.files] for packed in bundle.packed] == [["helper.py", "mine.py", "pkg/late.py"]]
    shutil.rmtree(folder)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_worked, (bundle,)) == ((1, 2), here.hash, f"{folder}/mine.py")


def test_what_is_edited_after_it_was_packed_does_not_count(write: Write) -> None:
    folder = write(mine=MINE, helper="VALUE = 1", pkg__late="VALUE = 2")
    bundle = Bundle.of(["mine.py:Mine"], folder)
    write(helper="VALUE = 'edited'")
    with bundle.in_use(), bundle.in_use():
        assert load("mine.py:Mine").object().value() == (1, 2)
        assert load("mine.py:Mine", folder).object().value() == (1, 2)
    assert load("mine.py:Mine", folder).object().value() == ("edited", 2)


def test_a_file_outside_of_the_folder_comes_with_what_lies_beside_it(write: Write) -> None:
    other = write("other", mine=MINE, helper="VALUE = 1", pkg__late="VALUE = 2")
    bundle = Bundle.of([f"{other}/mine.py:Mine", "own.py:Own"], write("mine", own="class Own: ..."))
    shutil.rmtree(other)
    with bundle.in_use():
        assert load(f"{other}/mine.py:Mine").object().value() == (1, 2)
        assert load("own.py:Own")


def test_specs_of_ours_need_none(tmp_path: Path) -> None:
    bundle = Bundle.of(["basic_taker", "log_return_lags(3)"], tmp_path)
    assert bundle == Bundle(tmp_path)
    with bundle.in_use():
        pass


def test_a_failure_names_the_file_where_it_lay(write: Write) -> None:
    folder = write(mine="1 / 0\nclass Mine: ...\n")
    bundle = Bundle.of(["mine.py:Mine"], folder)
    with bundle.in_use(), pytest.raises(UserCodeFailed, match=rf"\({folder}/mine\.py:1, in <module>\)"):
        load("mine.py:Mine")
