"""What the table calls a fault: of a bus that keeps its data nothing may stand there twice."""

from tests.oracle.streams import Verdict
from tests.oracle.table import Table

TWICE = Verdict(doubled=2, faults=("orders of A: 2 doubled, first n=1, 2",))


def test_a_double_to_the_letter_is_a_fault_where_the_bus_has_kept_all() -> None:
    table = Table()
    table.row("kill", keeps=True).verdict = TWICE
    table.row("torn", keeps=False).verdict = TWICE
    assert table.faults == ["kill: orders of A: 2 doubled, first n=1, 2"]
    table.row("torn", keeps=False).verdict = TWICE.and_(Verdict(lost=1, faults=("orders of A: 1 lost, first n=5",)))
    assert len(table.faults) == 3


def test_the_table_shows_each_kind_in_a_line() -> None:
    table = Table()
    row = table.row("kill", keeps=True)
    row.times, row.back_s, row.other = 3, [1.0, 2.0, 6.0], ["it did not come back"]
    table.row("flush", keeps=False).times = 1
    head, kill, flush = str(table).splitlines()
    assert head.split()[:3] == ["fault", "times", "lost"]
    assert kill.split() == ["kill", "3", "0", "0", "0", "0", "0", "1", "2.0", "s", "6.0", "s"]
    assert flush.split()[-2:] == ["-", "-"]
    assert (table.times, table.faults) == (4, ["kill: it did not come back"])
