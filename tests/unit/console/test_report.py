"""`tickline report`: of which symbols it is."""

from decimal import Decimal
from pathlib import Path

import pytest

from services.console.report import Asked, symbols_of
from shared.messages import Decision, Origin, Reason
from shared.wall_time import UTC_TIME
from tests.unit.lookup.world import World

S = 1_000_000_000


def decision(sym: str, n: int) -> Decision:
    """The decision on tick n, a second after the one before."""
    return Decision(
        n=n, sym=sym, ts_event=n * S, tr=f"v:{sym}:{n * S}:{n}", tick_n=n, prediction_n=n, y_hat=None, booked_n=0,
        balance=Decimal(0), signed_qty=Decimal(0), orders=(), reason=Reason.NO_PREDICTION, origin=Origin.TICK,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("since", "until", "found", "left_out"),
    [
        (None, None, ["A", "B"], ""),
        (1, 2, ["A", "B"], ""),
        (3, None, ["A"], "B"),
        (None, 0, ["A"], ""),
        (9, None, ["A"], ""),
    ],
)
async def test_what_was_not_decided_on_then_does_not_stop_the_others(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    since: int | None,
    until: int | None,
    found: list[str],
    left_out: str,
) -> None:
    world = World(tmp_path, ["A", "B"])
    world.write(*(decision("A", n) for n in range(1, 6)), *(decision("B", n) for n in range(1, 3)))
    asked = Asked(None, None, None, UTC_TIME, replay=False, one=False)
    window = (None if each is None else each * S for each in (since, until))
    assert await symbols_of(world.settings, world.lookup(), asked, *window) == found
    said = f"report: left out, with no decision between --from and --to: {left_out}\n" if left_out else ""
    assert capsys.readouterr().err == said
