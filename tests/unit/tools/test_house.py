"""What `make house` counts, in a house of a few files."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "tools" / "house.py"
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


def told(folder: Path, *arguments: str) -> list[str]:
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    script = folder / "tools" / "house.py"
    script.parent.mkdir(exist_ok=True)
    script.write_bytes(SCRIPT.read_bytes())
    done = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_what_a_package_hands_on_counts_for_the_file_that_has_it(tmp_path: Path) -> None:
    """`one` has two importers, one of them through its package; `helper` has one, beside it."""
    lines = told(tmp_path, "--long")
    assert "files              9, 18 lines" in lines
    assert "lines of a file    median 2, most 6 (services.main)" in lines
    assert "  shared.a.helper  <- shared.a.two" in lines
    assert not [line for line in lines if line.startswith("  shared.a.one ")]


def test_names_twice_and_circles(tmp_path: Path) -> None:
    """A circle counts wherever its imports stand, but for those that only the type checker reads."""
    lines = told(tmp_path, "--long")
    assert "  Twice: services.main, shared.a.helper" in lines
    assert lines[lines.index("circles            1") + 1] == "  services.left services.right"
    assert "names twice        1" in told(tmp_path)
