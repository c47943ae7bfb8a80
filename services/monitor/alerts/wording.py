"""The wording says all that is new in a few lines, however much that is. Pure.

A line begins with its kind, e.g. `difference: …`, and with `over: …` where it stands no more; `was: …` where nobody
knew of it while it stood.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from services.monitor.alerts.conditions import AlertKind, KnownCondition
from shared.wall_time import age

NAMED = 3  # of one kind, in their own words
COUNTED = 4  # symbols that are told beside a count
SHOWN = 5  # kinds in a title
LONGEST = 240  # characters of one text


class MessagePart(StrEnum):
    """A part of a message has what stands, what is over, or what was over before anybody was told."""

    BEGINS = ""
    OVER = "over"
    WAS = "was"


def part_of(known: KnownCondition) -> MessagePart:
    """Returns the part that tells it."""
    if known.stands:
        return MessagePart.BEGINS
    return MessagePart.OVER if known.told else MessagePart.WAS


def title_of(name: str, news: Sequence[KnownCondition]) -> str:
    """Returns the title: the line's name, and what it is about in a few words."""
    words = [_words(kind, part, len(group)) for kind, part, group in _grouped(news)]
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return f"{name}: {', '.join(words[:SHOWN])}{more}"


def _words(kind: str, part: MessagePart, count: int) -> str:
    return " ".join(
        filter(None, (str(count) if count > 1 else "", kind, "over" if part is not MessagePart.BEGINS else ""))
    )


def body_of(news: Sequence[KnownCondition], now_ns: int) -> str:
    """Returns the body: a line for each kind that has begun, and for each that is over."""
    return "\n".join(_line(kind, part, group, now_ns) for kind, part, group in _grouped(news))


def _grouped(news: Iterable[KnownCondition]) -> Iterator[tuple[str, MessagePart, list[KnownCondition]]]:
    groups: dict[tuple[str, MessagePart], list[KnownCondition]] = defaultdict(list)
    for known in news:
        groups[known.kind, part_of(known)].append(known)
    for part in MessagePart:
        for kind in AlertKind:
            if (group := groups.get((kind.value, part))) is not None:
                yield kind.value, part, group


def _line(kind: str, part: MessagePart, group: Sequence[KnownCondition], now_ns: int) -> str:
    head = f"{part}: {kind}" if part else kind
    said = "; ".join(_said(known, part, now_ns) for known in group[:NAMED])
    rest = f"; and {len(group) - NAMED} more ({_by_symbol(group[NAMED:])})" if len(group) > NAMED else ""
    count = f" {len(group)}" if len(group) > 1 else ""
    remedies = [] if part else list(dict.fromkeys(known.remedy for known in group if known.remedy))
    return f"{head}{count}: {said}{rest}{': ' if remedies else ''}{' or '.join(f'`{one}`' for one in remedies[:2])}"


def _said(known: KnownCondition, part: MessagePart, now_ns: int) -> str:
    """Returns what one condition has to say.

    >>> known = KnownCondition(
    ...     source="bus", kind="silent feed", about="okx", text="nothing heard for 61 s", remedy="", sym="", began_ns=0,
    ...     counted_ns=0,
    ... )
    >>> _said(known, MessagePart.BEGINS, 0)
    'okx: nothing heard for 61 s'
    >>> again = known.model_copy(update={"times": 3, "lasted_ns": 20 * 10**9})
    >>> _said(again, MessagePart.BEGINS, 10 * 10**9)
    'okx: nothing heard for 61 s (3 times, 30 s in all)'
    """
    lasted_ns = known.lasted_ns + (now_ns - known.counted_ns if known.stands else 0)
    times = f"{known.times} time{'s' if known.times != 1 else ''}{' more' if known.told else ''}"
    often = f" ({times}, {age(lasted_ns)} in all)" if known.times > (0 if known.told else 1) else ""
    if part is MessagePart.BEGINS:
        named = known.about == known.kind or known.about in known.text or bool(known.sym and known.sym in known.text)
        return f"{(known.text if named else f'{known.about}: {known.text}')[:LONGEST]}{often}"
    return f"{known.about}{often or f', after {age(known.ended_ns - known.began_ns)}'}"


def _by_symbol(group: Iterable[KnownCondition]) -> str:
    counts = Counter(known.sym or known.about for known in group).most_common()
    shown = [f"{name} {count}" for name, count in counts[:COUNTED]]
    others = sum(count for _, count in counts[COUNTED:])
    return ", ".join([*shown, *([f"others {others}"] if others else [])])
