"""What an installed package offers: by an entry point, or as package.module:Class."""

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from shared.errors import ConfigError, UserCodeFailed
from shared.features.registry import make_feature
from shared.user_code.finder import FINDER
from shared.user_code.loader import code_hash, hash_named, load, load_named

GROUP = "tickline.strategies"
Install = Callable[..., str]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a package with an entry point where Python finds packages; returns its name, which is new each time."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    made: list[str] = []

    def install(code: str, offers: str = "idea", version: str = "1.0", group: str = GROUP, what: str = "Idea") -> str:
        name = f"ideas_{uuid4().hex[:8]}"
        made.append(name)
        (site / name).mkdir()
        (site / name / "__init__.py").write_text(code)
        (site / name / "levels.csv").write_text("1")
        info = site / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "top_level.txt").write_text(f"{name}\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{offers} = {name}:{what}\n")
        importlib.invalidate_caches()
        return name

    yield install
    for name in made:
        sys.modules.pop(name, None)


def test_by_its_entry_point_or_its_module(install: Install) -> None:
    package = install("class Idea:\n    pass\n")
    loaded = load_named("idea", {}, GROUP)
    assert loaded is not None
    assert loaded.object.__module__ == package
    assert load(f"{package}:Idea").object is loaded.object
    assert code_hash(f"{package}:Idea") == load(f"{package}:Idea").hash == hash_named("idea", {}, GROUP) == loaded.hash
    assert loaded.files == (f"{package}/__init__.py", f"{package}/levels.csv")
    assert load_named("other", {}, GROUP) is None
    ours = object()
    assert load_named("idea", {"idea": ours}, GROUP) == (ours, "", ()), "ours comes first"


def test_its_name_version_and_files_are_hashed(install: Install, tmp_path: Path) -> None:
    package = install("raise SystemExit('to hash it runs nothing')\n")
    folder, site = tmp_path / "site-packages" / package, tmp_path / "site-packages"
    before = hash_named("idea", {}, GROUP)
    (folder / "levels.csv").write_text("2")
    edited = hash_named("idea", {}, GROUP)
    (site / f"{package}-1.0.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 2\n")
    importlib.invalidate_caches()
    newer = hash_named("idea", {}, GROUP)
    assert len({before, edited, newer}) == 3
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_text("x")
    assert hash_named("idea", {}, GROUP) == newer


@pytest.mark.parametrize("edited", ["helper", "later"])
def test_what_is_imported_later_is_what_was_hashed(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edited: str
) -> None:
    monkeypatch.setattr(FINDER, "reads_once", True)
    code = "class Idea:\n    def size(self, name):\n        import importlib\n"
    package = install(f"{code}        return importlib.import_module(f'{{__name__}}.{{name}}').SIZE\n")
    folder = tmp_path / "site-packages" / package
    for name in ("helper", "other"):
        (folder / f"{name}.py").write_text("SIZE = 1\n")
    loaded = load(f"{package}:Idea")
    (folder / f"{edited}.py").write_text("SIZE = 1_000_000\n")
    importlib.invalidate_caches()
    assert loaded.object().size("other") == 1
    with pytest.raises(UserCodeFailed, match=rf"{edited}\.py has changed since this package was hashed: start again"):
        loaded.object().size(edited)
    assert load(f"{package}:Idea").hash == loaded.hash
    monkeypatch.setattr(FINDER, "reads_once", False)
    assert load(f"{package}:Idea").hash != loaded.hash


def test_a_module_by_itself_holds_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FINDER, "reads_once", True)
    monkeypatch.syspath_prepend(tmp_path)
    one, other = f"idea_{uuid4().hex[:8]}", f"idea_{uuid4().hex[:8]}"
    (tmp_path / f"{one}.py").write_text("class Idea: ...\n")
    assert load(f"{one}:Idea").files == (f"{one}.py",)
    (tmp_path / f"{other}.py").write_text("class Idea: ...\n")
    importlib.invalidate_caches()
    assert importlib.import_module(other).Idea


def test_a_name_that_two_packages_offer_is_refused(install: Install) -> None:
    names = sorted([install("class Idea: ...\n"), install("class Idea: ...\n")])
    with pytest.raises(ConfigError) as error:
        load_named("idea", {}, GROUP)
    assert str(error.value).startswith("idea: several packages offer it (")
    assert all(f"{name}:Idea of {name}" in str(error.value) for name in names)


def test_its_author_is_told_the_line(install: Install, tmp_path: Path) -> None:
    package = install("class Idea:\n    pass\n1 / 0\n")
    with pytest.raises(UserCodeFailed, match=rf"{package}/__init__\.py:3, in <module>\)"):
        load_named("idea", {}, GROUP)


def test_a_feature_of_a_package(install: Install) -> None:
    code = "from tickline import Feature\nclass Idea(Feature):\n    def on_tick(self, val):\n        return 2 * val\n"
    install(code, group="tickline.features")
    feature = make_feature("idea()")
    assert (feature.on_tick(2.0), feature.spec) == (4.0, "idea()")


def test_a_file_of_the_folder_with_its_name_is_refused(install: Install, tmp_path: Path) -> None:
    package = install("class Idea: ...\n")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / f"{package}.py").write_text("class Idea: ...\n")
    with pytest.raises(ConfigError, match=f"has the same name as a module of the installed package {package}"):
        load(f"{package}:Idea", tmp_path / "mine")


def test_an_environment_may_lie_in_the_folder(install: Install, tmp_path: Path) -> None:
    """As `.venv` beside the strategy does: its packages are packages, and come before a file of the same name."""
    package = install("class Idea: ...\n")
    assert load(f"{package}:Idea", tmp_path).object.__module__ == package
    (tmp_path / "mine.py").write_text(f"from {package} import Idea\nclass Mine(Idea): ...\n")
    (tmp_path / package).mkdir()
    loaded = load("mine.py:Mine", tmp_path)
    assert (loaded.object.__base__.__module__, loaded.files) == (package, ("mine.py",))
    (tmp_path / f"{package}.py").write_text("class Idea: ...\n")
    for spec, error in ((f"{package}:Idea", ConfigError), ("again.py:Again", UserCodeFailed)):
        (tmp_path / "again.py").write_text(f"from {package} import Idea as Again\n")
        with pytest.raises(error, match=f"has the same name as a module of the installed package {package}"):
            load(spec, tmp_path)


def test_a_process_of_ours_finds_nothing_in_the_working_folder(tmp_path: Path) -> None:
    """`-P` and PYTHONSAFEPATH stay: a user's modules come through the loader alone."""
    (tmp_path / "helper.py").write_text("VALUE = 1\n")
    (tmp_path / "mine.py").write_text("import importlib\nclass Mine:\n    helper = importlib.import_module('helper')\n")
    code = "from shared.user_code import load\nload('mine.py:Mine')"
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.append({str(root)!r})\n{code}"], cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "ModuleNotFoundError: No module named 'helper'" in done.stderr
