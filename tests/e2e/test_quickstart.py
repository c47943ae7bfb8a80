"""The notebook of examples/, run as Jupyter runs it, and what its cells show."""

import re
from pathlib import Path

import jupytext
import pytest
from nbformat import NotebookNode

from tests.e2e.command import SHADOWS
from tools.notebook import TEXT, executed

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def shown(notebook: NotebookNode, begins: str) -> str:
    """The text that the cell shows whose code begins so."""
    (cell,) = (cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.startswith(begins))
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "".join(texts)


def test_it_leads_from_a_history_to_orders(tmp_path: Path) -> None:
    for name in SHADOWS:
        if name != "random":  # pandas and others of a notebook's kernel take it before anything of ours is asked for
            (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name}.py of the working folder was imported')\n")
    notebook = executed(TEXT, tmp_path)
    assert "out of sample" in shown(notebook, "save_model(")
    compared = re.search(r"parity: (\d+) of (\d+) orders identical", shown(notebook, "%%bash\ntickline run"))
    assert compared is not None
    assert compared[1] == compared[2] != "0"
    assert "FILLED" in shown(notebook, "%%bash\ntickline tail")
    assert "Trades, after fees" in shown(notebook, "unseen =")
    assert (tmp_path / "report.html").exists()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("vega" in output.get("data", {}).get("text/html", "") for output in outputs) == 3


def test_its_text_is_what_jupytext_makes_of_it() -> None:
    """So saving it from Jupyter changes nothing but what was edited."""
    written = jupytext.writes(jupytext.read(TEXT), fmt="py:percent")
    assert re.sub(r"^#       (format|jupytext)_version: .*\n", "", written, flags=re.MULTILINE) == TEXT.read_text()
