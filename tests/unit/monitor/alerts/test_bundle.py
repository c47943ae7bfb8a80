"""What a person is told, and when: everything, in few messages."""

import re
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitor.alerts.bundle import MOST, WITHIN_NS, BundleStage, MessagePace
from services.monitor.alerts.conditions import AlertKind, AlertMessage, Condition, Observation
from shared.config.monitor import AlertSettings
from shared.intervals import NS_PER_S
from shared.messages.codec import pack, unpack

BEGAN_NS = 1_763_985_600 * NS_PER_S
PACE = MessagePace.of(AlertSettings())
HALT = Condition(AlertKind.HALT, "halt", "by ann", "tickline resume HALT")
FEED = Condition(AlertKind.FEED, "okx", "nothing heard for 60 s")
DRIFT = Condition(AlertKind.DRIFT, "*", "M = 12 of 10")


def told(stage: BundleStage, seen: Callable[[float], Iterable[Condition]], until_s: int) -> dict[int, AlertMessage]:
    """The messages by the second in which they came; it is looked every second."""
    found = {}
    for second in range(until_s):
        now_ns = BEGAN_NS + second * NS_PER_S
        if (message := stage.on_tick(Observation(now_ns, {"journal": tuple(seen(second))}))) is not None:
            found[second] = message
    return found


def test_what_begins_is_said_once_and_its_end_once() -> None:
    found = told(BundleStage("main", PACE), lambda s: [HALT] if 10 <= s < 400 else [], 4_000)
    assert found == {
        15: AlertMessage("main: halt", "halt: by ann: `tickline resume HALT`"),
        405: AlertMessage("main: halt over", "over: halt: halt, after 6 min"),
    }


def test_what_comes_together_is_one_message() -> None:
    found = told(BundleStage("main", PACE), lambda s: [HALT] * (s > 1) + [FEED] * (s > 3) + [DRIFT] * (s > 5), 100)
    assert list(found) == [7]
    assert found[7] == AlertMessage(
        "main: halt, drift, silent feed",
        "halt: by ann: `tickline resume HALT`\ndrift: *: M = 12 of 10\nsilent feed: okx: nothing heard for 60 s",
    )


def test_what_was_over_before_it_was_said_is_said_as_past() -> None:
    found = told(BundleStage("main", PACE), lambda s: [FEED] * (10 <= s < 13), 100)
    assert found == {15: AlertMessage("main: silent feed over", "was: silent feed: okx, after 3.0 s")}


def test_what_has_no_end_is_said_once() -> None:
    stage = BundleStage("main", PACE)
    rules = Condition(AlertKind.MARKET, "BTCUSDT", "an order must be 10 USDT")
    first = stage.on_tick(Observation(BEGAN_NS, {}, (rules,)))
    later = [stage.on_tick(Observation(BEGAN_NS + s * NS_PER_S, {"journal": ()})) for s in range(1, 100)]
    assert (first, [one for one in later if one]) == (
        None,
        [AlertMessage("main: market", "market: BTCUSDT: an order must be 10 USDT")],
    )


def test_of_what_is_said_once_ten_are_named_beside_what_stands() -> None:
    """A stop that is lost is in no later message, so what came before it must not hide it."""
    stage = BundleStage("main", MessagePace(0, NS_PER_S, NS_PER_S))
    happened = tuple(Condition(AlertKind.ALARM, f"S{n}: no stop", f"S{n}: no stop", sym=f"S{n}") for n in range(11))
    clock = Condition(AlertKind.ALARM, "clock", "clock: apart")
    message = stage.on_tick(Observation(BEGAN_NS, {"journal": (clock,)}, happened))
    assert message is not None
    named = "; ".join(one.text for one in (*happened[:10], clock))
    assert message.body == f"alarm 12: {named}; and 1 more (S10 1)"


def test_a_source_that_cannot_be_read_ends_nothing() -> None:
    stage = BundleStage("main", MessagePace(0, NS_PER_S, NS_PER_S))
    assert stage.on_tick(Observation(BEGAN_NS, {"journal": (HALT,), "bus": ()})) is not None
    assert stage.on_tick(Observation(BEGAN_NS + 100 * NS_PER_S, {"bus": ()})) is None
    assert [known.about for known in stage.standing] == ["halt"]
    over = stage.on_tick(Observation(BEGAN_NS + 120 * NS_PER_S, {"journal": ()}))
    assert over == AlertMessage("main: halt over", "over: halt: halt, after 2 min")


def test_a_new_kind_does_not_wait_for_a_storm_of_another() -> None:
    """The feed flaps, so that its next message is minutes away; the halt comes at once."""
    stage = BundleStage("main", PACE)
    found = told(stage, lambda s: [FEED] * (s % 4 < 2) + [HALT] * (s >= 330), 400)
    assert [second for second, message in found.items() if "halt" in message.title] == [330]


STORM_S, RESOLVED_S, FLAP_S, DIFFERENCES = 600, 1_200, 14, 1_000


def different(number: int) -> Condition:
    sym = ("BTCUSDT", "ETHUSDT", "SOLUSDT")[number % 3]
    text = f"{sym}: a trade {number} that is none of ours"
    return Condition(AlertKind.DIFFERENCE, f"EXTERNAL_FILL/{sym}/{number}", text, "tickline resolve", sym)


DIFFERENT = [different(number) for number in range(DIFFERENCES)]


def storm(second: float) -> Iterable[Condition]:
    """For ten minutes: two new differences a second, up to 1,000, and a feed that is silent for 6 s of each 14.

    Then a person resolves the differences.
    """
    if second >= RESOLVED_S:
        return
    yield from DIFFERENT[: int(second * 2) + 1]
    if second % FLAP_S < 6 and second < STORM_S:
        yield FEED


def counted(bodies: Iterable[str], head: str) -> int:
    """Adds up what the lines with this head say: their count, where they have none one, else how often."""
    total = 0
    for line in "\n".join(bodies).splitlines():
        if not (found := re.match(rf"{head}(?: (\d+))?: ", line)):
            continue
        often = re.search(r"\((\d+) times?(?: more)?,", line)
        total += int(often[1]) if often else int(found[1] or 1)
    return total


def test_a_storm_is_a_handful_of_messages_that_tell_it_all() -> None:
    found = told(BundleStage("main", PACE), storm, RESOLVED_S + 900)
    bodies = [message.body for message in found.values()]
    assert len(found) <= MOST
    assert len([second for second in found if second < STORM_S]) <= 8
    assert max(map(len, bodies)) < 1_500
    first, *_, last = bodies
    assert first == (
        "difference 11: BTCUSDT: a trade 0 that is none of ours; ETHUSDT: a trade 1 that is none of ours; "
        "SOLUSDT: a trade 2 that is none of ours; and 8 more (BTCUSDT 3, ETHUSDT 3, SOLUSDT 2): `tickline resolve`\n"
        "silent feed: okx: nothing heard for 60 s"
    )
    assert counted(bodies, "difference") == DIFFERENCES
    assert counted(bodies, "over: difference") == DIFFERENCES
    flaps = len([second for second in range(STORM_S) if second % FLAP_S == 0])
    known = sum(body.count("over: silent feed: okx, after") for body in bodies)
    assert counted(bodies, "(?:over: |was: )?silent feed") - known == flaps
    assert "over: difference 1000: EXTERNAL_FILL/BTCUSDT/0, after" in last
    assert "and 997 more (BTCUSDT 333, ETHUSDT 332, SOLUSDT 332)" in last


CONDITIONS = [
    Condition(kind, about, f"{about} of {kind}", sym=about) for kind in list(AlertKind)[:6] for about in ("A", "B", "C")
]
LOOKS = st.lists(
    st.tuples(st.integers(1, 400), st.sets(st.sampled_from(CONDITIONS)), st.sets(st.sampled_from(CONDITIONS[:2]))),
    min_size=1,
    max_size=60,
)


def observations(looks: Iterable[tuple[int, set[Condition], set[Condition]]]) -> Iterable[Observation]:
    now_ns = BEGAN_NS
    for seconds, standing, happened in looks:
        now_ns += seconds * NS_PER_S
        yield Observation(now_ns, {"a": tuple(sorted(standing))}, tuple(sorted(happened)))


@given(LOOKS)
def test_never_more_than_so_many_messages_and_in_the_end_all_is_said(
    looks: list[tuple[int, set[Condition], set[Condition]]],
) -> None:
    stage, sent = BundleStage("main", PACE), list[int]()
    knows = dict[str, int]()
    *_, (_, last, _) = looks
    rest = [(400, last, set[Condition]())] * 3
    for seen in observations([*looks, *rest]):
        message = stage.on_tick(seen)
        if message is None:
            continue
        sent.append(seen.now_ns)
        for line in message.body.splitlines():
            knows[line.partition(":")[0]] = 1
    assert all(sum(0 <= at - one < WITHIN_NS for at in sent) <= MOST for one in sent)
    assert not any(known.is_news for known in stage.standing)
    assert {(known.kind, known.about) for known in stage.standing} == {(one.kind, one.about) for one in last}


@given(LOOKS, st.integers(0, 60))
def test_restored_is_never_stopped(looks: list[tuple[int, set[Condition], set[Condition]]], at: int) -> None:
    whole, before, after = (BundleStage("main", PACE) for _ in range(3))
    seen = list(observations(looks))
    expected = [whole.on_tick(one) for one in seen]
    found = [before.on_tick(one) for one in seen[:at]]
    after.restore(unpack(pack(before.state())))
    assert found + [after.on_tick(one) for one in seen[at:]] == expected


@pytest.mark.parametrize("back_s", [1, 3_600])
def test_a_clock_that_is_set_back_silences_nothing(back_s: int) -> None:
    stage = BundleStage("main", PACE)
    told(stage, lambda s: [HALT], 100)
    later = (BEGAN_NS + (s - back_s) * NS_PER_S for s in range(100, 130))
    found = [stage.on_tick(Observation(now_ns, {"journal": (HALT, FEED)})) for now_ns in later]
    assert [one.title for one in found if one] == ["main: silent feed"]
