"""docs/stops.md says what the forms of stops say."""

from collections.abc import Iterable
from pathlib import Path

from shared.exchanges.profile import DAY_MS
from shared.exchanges.registry import STOP_PROFILES, stop_profile, traded
from shared.exchanges.trading.stop_profile import StopForm
from shared.messages.reasons import StopKind

PAGE = Path(__file__).parents[3] / "docs" / "stops.md"


def names(kinds: Iterable[StopKind]) -> str:
    return ", ".join(kind for kind in StopKind if kind in set(kinds)) or "none"


def told(form: StopForm) -> dict[str, str]:
    days, word = form.forgotten_ms // DAY_MS, ("no", "yes")
    return {
        "kinds": names(form.kinds),
        "sized by the position": names(form.whole),
        "carried by an entry": names(form.attached),
        "of an entry that was filled in part, too": word[form.attached_part] if form.attached else "-",
        "a carried one only reduces": word[form.attached_reduces] if form.attached else "-",
        "replaced": form.replaced,
        "it has our id": word[form.own_id],
        "the answer tells the exchange's id": word[form.told_id],
        "it keeps its id when it is triggered": word[form.keeps_id],
        "a request expires": word[form.expires],
        '"unknown" is a proof': word[form.absent_proves],
        "ended without a trade, it is told for": f"{days} days" if days else "no bound is known",
        "the exchange says that it ends with the position": word[form.ends_with_position],
    }


def test_its_table_is_the_forms() -> None:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    head, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    shown = {name: {row[0]: row[column] for row in rows} for column, name in enumerate(head[1:], 1)}
    assert shown == {name: told(stop_profile(name, "swap").form) for name in STOP_PROFILES}


def test_of_spot_there_are_none() -> None:
    assert {stop_profile(name, "spot").form for name in traded()} == {StopForm()}
