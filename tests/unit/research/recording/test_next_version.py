"""A recording stays readable: the next Tickline compares what this one recorded, in the bytes that this one wrote."""

from pathlib import Path

from tests.next_version import NEXT_WIRE, ROOT, make_next, run_next
from tests.unit.research.recording.test_job import Line, settings

CODE = """
import sys
from pathlib import Path
from services.research.recording import parity
from shared.record import WIRE
found = parity(Path(sys.argv[1]))
print(WIRE, found.proved, {str(stream): n for stream, n in found.identical.items()}, found.first_difference)
"""


def test_the_next_version_proves_what_this_one_recorded(tmp_path: Path) -> None:
    session = tmp_path / "session"
    session.mkdir()
    line = Line(session, settings())
    line.checkpoint()
    line.run(20)
    line.checkpoint()
    line.run(5)
    line.record()
    later = make_next(tmp_path / "next")
    (later / "weights").symlink_to(ROOT / "weights")
    script = tmp_path / "compare.py"
    script.write_text(CODE)
    every = {"features": 22, "predictions": 22, "decisions": 22, "orders": 43}
    assert run_next(later, script, session) == f"{NEXT_WIRE} True {every} None\n"
