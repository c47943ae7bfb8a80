"""What `make house` counts, in a house of a few files."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.house import House

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "tools" / "house.py"
FILES = {
    "shared/__init__.py": "",
    "shared/a/__init__.py": "from shared.a.one import One\n",
    "shared/a/one.py": "class One: ...\n\n\nclass _Own: ...\n",
    "shared/a/two.py": "from shared.a.one import One\n\nfrom shared.a import helper\n",
    "shared/a/helper.py": "class Twice: ...\n",
    "services/__init__.py": "",
    "services/main.py": (
        "from shared.a import One\n\nif TYPE_CHECKING:\n    from shared.a.two import x\n\nclass Twice: ...\n"
    ),
    "services/left.py": "def f():\n    from services.right import g\n",
    "services/right.py": "from services.left import f\n",
}


def told(folder: Path, *arguments: str, files: Mapping[str, str] = FILES) -> list[str]:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    script = folder / "tools" / "house.py"
    script.parent.mkdir(exist_ok=True)
    script.write_bytes(SCRIPT.read_bytes())
    done = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_what_a_package_hands_on_counts_for_the_file_that_has_it(tmp_path: Path) -> None:
    """`one` has two importers, one of them through its package; `helper` has one, beside it, and no reason for that."""
    lines = told(tmp_path, "--long")
    assert "files              9, 18 lines" in lines
    assert "lines of a file    median 2, most 6 (services.main)" in lines
    assert "  shared.a.helper  <- shared.a.two: 4 lines together" in lines
    assert lines[lines.index("  without a reason 3") + 3] == "    shared.a.helper"
    assert not [line for line in lines if line.startswith("  shared.a.one ")]


def test_a_file_that_would_be_too_long_with_its_importer_has_a_reason(tmp_path: Path) -> None:
    long = "class Twice: ...\n" * 347
    assert "  without a reason 3" in told(tmp_path, files=FILES | {"shared/a/helper.py": long})
    assert "  without a reason 2" in told(tmp_path, files=FILES | {"shared/a/helper.py": long + "\n"})


def test_this_house() -> None:
    """No file is too long, none imports itself by way of others, and each single importer has a reason."""
    house = House(ROOT)
    assert {name: lines for name, lines in house.lines().items() if lines > 400} == {}
    assert (house.circles(), house.unexplained()) == ([], [])


def test_names_twice_and_circles(tmp_path: Path) -> None:
    """A circle counts wherever its imports stand, but for those that only the type checker reads."""
    lines = told(tmp_path, "--long")
    assert "  Twice: services.main, shared.a.helper" in lines
    assert lines[lines.index("circles            1") + 1] == "  services.left services.right"
    assert "names twice        1" in told(tmp_path)
