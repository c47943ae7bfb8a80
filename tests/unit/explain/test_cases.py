"""Every member of the reason enums has a case that makes it happen through its stage, and a sentence that tells it.

A new member without one fails here: add its clause to `shared/explain/reasons.py`, and its case to the table beside
this file that is about its stage.
"""

from collections.abc import Mapping
from enum import StrEnum

import pytest

from shared.explain import reasons
from shared.messages.reasons import GapCause, Leg, OrderPhase, OrderStatus, Origin, Reason
from tests.unit.explain.decision_cases import DECISIONS, Case
from tests.unit.explain.order_cases import ORDERS
from tests.unit.explain.state_cases import GAPS, LEGS, ORIGINS, PHASES, STATUSES

TABLES: dict[type[StrEnum], tuple[Mapping[StrEnum, str], dict[StrEnum, list[Case]]]] = {
    Reason: (reasons.REASONS, {reason: [*DECISIONS.get(reason, ()), *ORDERS.get(reason, ())] for reason in Reason}),
    GapCause: (reasons.GAPS, GAPS),
    Leg: (reasons.LEGS, LEGS),
    Origin: (reasons.ORIGINS, ORIGINS),
    OrderStatus: (reasons.STATUSES, STATUSES),
    OrderPhase: (reasons.PHASES, PHASES),
}
TOLD_BY_CLAUSE = (Reason, GapCause, Leg)  # the others are told by their name, or by what they did
MEMBERS = [(kind, member) for kind in TABLES for member in kind]


@pytest.mark.parametrize(("kind", "member"), MEMBERS, ids=lambda one: str(getattr(one, "__name__", one)))
def test_each_member_happens_and_is_told_with_the_number_and_the_limit(kind: type[StrEnum], member: StrEnum) -> None:
    clauses, table = TABLES[kind]
    assert member in clauses, f"{kind.__name__}.{member} has no clause in shared/explain/reasons.py"
    assert table.get(member), f"{kind.__name__}.{member} has no case that makes it happen through its stage"
    for case in table[member]:
        told = case.make()
        assert member.value in told
        assert clauses[member] in told or kind not in TOLD_BY_CLAUSE
        for part in case.said:
            assert part
            assert part in told


def test_no_clause_is_of_a_member_that_is_gone() -> None:
    for kind, (clauses, table) in TABLES.items():
        assert set(clauses) == set(kind)
        assert set(table) == set(kind)
