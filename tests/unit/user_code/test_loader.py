"""A user's folder is loaded under names of its own, behind everything else, and only from what was hashed."""

import multiprocessing
import pickle
import py_compile
import shutil
import signal
import sys
import types
from pathlib import Path

import pytest

from shared.errors import ConfigError, UserCodeFailed
from shared.user_code import code_hash, load
from shared.user_code.finder import FINDER
from tests.unit.user_code.conftest import Write

MINE = """
    import signal, types
    import helper
    class Mine:
        value = helper.VALUE
        signal, types = signal, types
        def late(self):
            import late
            return late.VALUE
"""


def test_files_with_the_names_of_others_disturb_nothing(write: Write) -> None:
    """What stands in the issue: a folder that also holds signal.py, types.py, services.py and shared/."""
    folder = write(
        mine="""
            import services
            from shared.tools import TOOL
            class Mine:
                found = services.MINE, TOOL
        """,
        signal="1 / 0", types="1 / 0", services="MINE = 'mine'", shared__tools="TOOL = 'tool'",
    )  # fmt: skip
    before = set(sys.modules)
    assert load("mine.py:Mine", folder).object.found == ("mine", "tool")
    assert all(name.startswith("shared.user_code.folders.") for name in set(sys.modules) - before)
    assert sys.modules["signal"] is signal
    assert sys.modules["types"] is types


@pytest.mark.parametrize(
    ("top", "other"),
    [("signal", "Python's standard library"), ("numpy", "the installed package numpy"), ("tickline", "Tickline")],
)
def test_a_file_that_shadows_a_module_is_an_error_where_it_is_imported(write: Write, top: str, other: str) -> None:
    folder = write(mine=f"X = 1\nimport {top}\nclass Mine: ...\n", other="class Other: ...", **{top: "1 / 0"})
    with pytest.raises(UserCodeFailed) as failed:
        load("mine.py:Mine", folder)
    assert str(failed.value) == (
        f"{folder}/mine.py:2: import {top}: {folder}/{top}.py has the same name as a module of {other}: "
        "rename your file"
    )
    assert load("other.py:Other", folder)
    with pytest.raises(ConfigError, match=r"has the same name as a module of|is Tickline's own"):
        load(f"{top}:Mine", folder)


@pytest.mark.parametrize("top", ["shared", "services"])
def test_ours_is_refused_with_what_to_import_instead(write: Write, top: str) -> None:
    folder = write(mine=f"class Mine:\n    def late(self):\n        from {top}.account import Order, Account\n")
    mine = load("mine.py:Mine", folder).object()
    with pytest.raises(UserCodeFailed) as failed:
        mine.late()
    assert str(failed.value) == (
        f"{folder}/mine.py:3: import {top}.account: this is Tickline's inside, which changes without notice: write "
        "`from tickline import Order, Account`"
    )


def test_every_form_of_import_finds_the_folder(write: Write) -> None:
    folder = write(
        mine="""
            import json, os.path
            import helper, pkg.inner.deep
            import pkg.inner.deep as deep
            import bare.leaf
            from pkg import other, NAME
            from pkg.inner.deep import DEEP as d
            from . import helper as again
            from .pkg.star import *
            class Mine:
                def late(self):
                    from pkg.late import LATE
                    import late_helper
                    return LATE, late_helper.X
                found = (helper.H, pkg.inner.deep.DEEP, deep.DEEP, other.OTHER, NAME, d, again is helper, STAR,
                         bare.leaf.LEAF, json.__name__, os.path.__name__)
        """,
        helper="H = 1", late_helper="X = 9", bare__leaf="LEAF = 7",
        **{"pkg__/init/": "NAME = 2", "pkg__inner__/init/": "from .. import other", "pkg__inner__deep": "DEEP = 3",
           "pkg__other": "OTHER = 4", "pkg__star": "STAR = 5", "pkg__late": "LATE = 6"},
    )  # fmt: skip
    loaded = load("mine.py:Mine", folder)
    assert loaded.object.found == (1, 3, 3, 4, 2, 3, True, 5, 7, "json", "posixpath")
    assert loaded.object().late() == (6, 9)
    assert loaded.files == (
        "bare/leaf.py", "helper.py", "late_helper.py", "mine.py", "pkg/__init__.py", "pkg/inner/__init__.py",
        "pkg/inner/deep.py", "pkg/late.py", "pkg/other.py", "pkg/star.py",
    )  # fmt: skip
    assert not list(folder.rglob("__pycache__"))


def test_a_module_is_found_beside_the_one_that_imports_it(write: Write) -> None:
    folder = write(a__mine="import helper\nclass Mine:\n    value = helper.V\n", a__helper="V = 1")
    assert load("a/mine.py:Mine", folder).object.value == 1
    write(helper="V = 2")
    with pytest.raises(ConfigError, match="there are two modules helper"):
        load("a/mine.py:Mine", folder)


def test_one_folder_has_one_module_and_two_folders_do_not_mix(write: Write) -> None:
    one = write("one", mine=MINE, helper="VALUE = 1", late="VALUE = 'late one'")
    two = write("two", mine=MINE, helper="VALUE = 2", late="VALUE = 'late two'")
    first, second = load("mine.py:Mine", one), load("mine.py:Mine", two)
    assert (first.object.value, second.object.value) == (1, 2)
    assert load("mine.py:Mine", one).object is load("mine:Mine", one).object is first.object
    assert (second.object().late(), first.object().late()) == ("late two", "late one")
    assert first.object.signal is signal
    assert "helper" not in sys.modules


def test_the_hash_is_of_what_was_loaded(write: Write) -> None:
    folder = write(mine=MINE, helper="VALUE = 1", late="VALUE = 1", unused="VALUE = 1")
    first = load("mine.py:Mine", folder)
    assert code_hash("mine.py:Mine", folder) == first.hash == load("mine.py:Mine", folder).hash
    assert load("mine.py:Mine", write("moved", mine=MINE, helper="VALUE = 1", late="VALUE = 1")).hash == first.hash
    write(unused="VALUE = 2")
    assert code_hash("mine.py:Mine", folder) == first.hash
    for changed in ("helper", "late"):  # the second is imported only when a function runs
        write(**{changed: "VALUE = 3"})
        assert code_hash("mine.py:Mine", folder) != first.hash
        write(**{changed: "VALUE = 1"})
    assert code_hash("mine.py:Mine", folder) == first.hash


def test_a_file_that_is_replaced_after_the_load_decides_nothing(write: Write) -> None:
    folder = write(mine=MINE, helper="VALUE = 1", late="VALUE = 'hashed'")
    first = load("mine.py:Mine", folder)
    write(late="VALUE = 'replaced'")
    assert first.object().late() == "hashed"
    second = load("mine.py:Mine", folder)
    assert second.object().late() == "replaced"
    assert second.hash != first.hash
    assert second.object is not first.object


def test_what_was_not_there_when_it_was_hashed_is_refused(write: Write) -> None:
    folder = write(mine=MINE, helper="VALUE = 1")
    mine = load("mine.py:Mine", folder).object()
    with pytest.raises(ModuleNotFoundError):
        mine.late()
    write(late="VALUE = 1")
    with pytest.raises(UserCodeFailed, match="late was not hashed: it was not there when your code was loaded"):
        mine.late()


def test_what_no_statement_names_is_refused(write: Write) -> None:
    folder = write(mine="def Mine(name):\n    return __import__(name)\n", helper="VALUE = 1")
    with pytest.raises(UserCodeFailed, match="helper was not hashed"):
        load("mine.py:Mine", folder).object("helper")


def test_only_source_is_read(write: Write, tmp_path: Path) -> None:
    """A `__pycache__` that says something else than its source, and a module of which only that is there."""
    folder = write(mine=MINE, helper="VALUE = 'source'")
    cache = folder / "__pycache__" / f"helper.{sys.implementation.cache_tag}.pyc"
    (tmp_path / "other.py").write_text("VALUE = 'cached'")
    py_compile.compile(
        str(tmp_path / "other.py"), str(cache), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    assert load("mine.py:Mine", folder).object.value == "source"
    py_compile.compile(str(tmp_path / "other.py"), str(folder / "late.pyc"))
    with pytest.raises(ModuleNotFoundError):
        load("mine.py:Mine", folder).object().late()


def test_compiled_code_and_links_out_of_the_folder_are_refused(write: Write, tmp_path: Path) -> None:
    folder = write(mine=MINE, late="VALUE = 1", _shared__real="VALUE = 4")
    (folder / "helper.abi3.so").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"helper\.abi3\.so: compiled code cannot be hashed as it runs"):
        load("mine.py:Mine", folder)
    (folder / "helper.abi3.so").unlink()
    (tmp_path / "elsewhere.py").write_text("VALUE = 1")
    (folder / "helper.py").symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(ConfigError, match=r"helper\.py is a link to .*elsewhere\.py, outside of"):
        load("mine.py:Mine", folder)
    (folder / "helper.py").unlink()
    (folder / "helper.py").symlink_to(folder / "_shared" / "real.py")  # as a ConfigMap lays its files out
    assert load("mine.py:Mine", folder).object.value == 4
    (tmp_path / "link").symlink_to(folder)
    assert load("mine.py:Mine", tmp_path / "link").object is load("mine.py:Mine", folder).object


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("mine.py", "write file.py:Class or package.module:Class"),
        ("mine.py:", "write file.py:Class"),
        ("mine.py:No such", "write file.py:Class"),
        ("mine.py:Missing", r"mine.py:Missing: there is no Missing in it \(there are: Mine\)"),
        ("missing.py:Mine", r"missing.py:Mine: there is no file .*/missing\.py"),
        ("missing:Mine", r"missing:Mine: there is no file .*/missing\.py"),
        ("my.mine.py:Mine", "a module's name has no dot, as 'my.mine' has: rename it"),
        ("my-mine:Mine", "'my-mine' is no module"),
        ("shared.account:Account", "this is Tickline's own"),
        ("numpy.nothing:Mine", "there is no module numpy.nothing: install it"),
        ("broken.py:Mine", r"SyntaxError: .*\(.*/broken\.py:3, in <module>\)"),
        ("nul.py:Mine", r"/nul\.py: source code string cannot contain null bytes"),
        ("deep.py:Mine", r"/deep\.py: |SyntaxError: too many nested parentheses"),
        ("latin.py:Mine", r"SyntaxError: .*latin\.py"),
        ("ends.py:Mine", r"ends.py:Mine: SystemExit: 3 \(.*/ends\.py:2, in <module>\)"),
        ("raises.py:Mine", r"raises.py:Mine: ZeroDivisionError: division by zero \(.*/raises\.py:4, in broken\)"),
        ("circle.py:Mine", r"ImportError: cannot import name 'Mine' .*\(.*/square\.py:1, in <module>\)"),
    ],
)
def test_what_cannot_be_loaded_is_told_in_one_line(write: Write, spec: str, said: str) -> None:
    folder = write(
        mine="class Mine: ...", broken="X = 1\n\ndef (:\n", raises="\ndef broken():\n    x = 0\n    1 / x\nbroken()\n",
        nul="X = 1\0", deep="x = " + "(" * 500, ends="import sys\nsys.exit(3)\n",
        circle="from square import Mine\nclass Mine: ...\n", square="from circle import Mine\n",
    )  # fmt: skip
    (folder / "latin.py").write_bytes("NAME = 'Größe'".encode("latin-1"))
    with pytest.raises((ConfigError, UserCodeFailed), match=said):
        load(spec, folder)


def test_modules_that_import_each_other_load(write: Write) -> None:
    folder = write(mine="import helper\nclass Mine:\n    value = helper.get\n", helper="import mine\nget = 3\n")
    assert load("mine.py:Mine", folder).object.value == 3


def test_a_name_with_spaces_and_a_byte_order_mark_load(tmp_path: Path) -> None:
    folder = tmp_path / "my folder"
    folder.mkdir()
    (folder / "my strategy.py").write_bytes(b"\xef\xbb\xbfclass Mine:\n    pass\n")
    assert load("my strategy.py:Mine", folder).object.__name__ == "Mine"
    assert load(f"{folder}/my strategy.py:Mine", tmp_path / "other").hash == load("my strategy.py:Mine", folder).hash


def _value_of(pickled: bytes) -> object:
    return pickle.loads(pickled).late()


def test_an_object_goes_to_a_process_that_was_spawned(write: Write) -> None:
    folder = write(mine=MINE, helper="VALUE = 1", late="VALUE = 'late'")
    pickled = pickle.dumps(load("mine.py:Mine", folder).object())
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_value_of, (pickled,)) == "late"


@pytest.fixture
def _reads_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FINDER, "reads_once", True)


@pytest.mark.usefixtures("_reads_once")
@pytest.mark.parametrize("hashed_first", [False, True])
def test_a_service_reads_each_file_once(write: Write, hashed_first: bool) -> None:
    """A stage that is made later, e.g. of a partition taken over, has the code whose hash its orders carry."""
    folder = write(mine=MINE, helper="VALUE = 1", late="VALUE = 'late'")
    first = code_hash("mine.py:Mine", folder) if hashed_first else load("mine.py:Mine", folder).hash
    write(mine="1 / 0", helper="1 / 0", late="1 / 0", new="from helper import VALUE\nclass New:\n    value = VALUE\n")
    again = load("mine.py:Mine", folder)
    assert (again.hash, again.object.value, again.object().late()) == (first, 1, "late")
    assert load("new.py:New", folder).object.value == 1
    shutil.rmtree(folder)
    assert load("mine.py:Mine", folder).object is again.object


def test_a_lazy_import_does_not_need_the_folder_any_more(write: Write) -> None:
    folder = write(mine=MINE, helper="VALUE = 1", late="VALUE = 'late'")
    mine = load("mine.py:Mine", folder).object()
    shutil.rmtree(folder)
    assert mine.late() == "late"


def test_a_file_and_its_module_are_one(write: Write) -> None:
    folder = write(a__mine="class Mine: ...")
    assert load("a/mine.py:Mine", folder).hash == load("a.mine:Mine", folder).hash


def test_a_class_of_a_notebooks_cell_is_told_where_to_go(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"^__main__:Mine: it lies in a notebook's cell, .* write e\.g\. mine\.py:Mine$"
    ):
        load("__main__:Mine", tmp_path)


@pytest.mark.usefixtures("_reads_once")
def test_a_file_that_comes_later_decides_nothing(write: Write) -> None:
    """Not even when the spec is loaded once more, e.g. for a partition taken over: its hash was told without it."""
    folder = write(mine=MINE, helper="VALUE = 1")
    first = load("mine.py:Mine", folder)
    write(late="VALUE = 'late'")
    again = load("mine.py:Mine", folder)
    assert again == first
    with pytest.raises(UserCodeFailed, match="late was not hashed"):
        again.object().late()
