"""`make notebook` makes `examples/quickstart.ipynb` of its text and runs it, in a folder of its own.

It runs with this environment's programs first on the path, as in a shell where it is activated.
"""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import jupytext
from nbclient import NotebookClient
from nbformat import NotebookNode

TEXT = Path(__file__).parents[1] / "examples/quickstart.py"
CELL_S = 600  # for a cell, on a machine that does other things


def executed(text: Path, folder: Path) -> NotebookNode:
    """Returns the notebook with what its cells show; raises CellExecutionError, with the cell, where one raises."""
    notebook = jupytext.read(text)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    client = NotebookClient(notebook, timeout=CELL_S, resources={"metadata": {"path": str(folder)}})
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TICKLINE_")}
    client.execute(env={**kept, "PATH": path})
    return notebook


if __name__ == "__main__":
    with TemporaryDirectory() as made_in:
        jupytext.write(executed(TEXT, Path(made_in)), TEXT.with_suffix(".ipynb"))
    sys.stdout.write(f"written: {TEXT.with_suffix('.ipynb')}\n")
