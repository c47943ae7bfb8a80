"""A line's status in lines for a person, for a terminal of 80 columns or of 160. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from textwrap import wrap

from shared.exchanges.trading.amounts import plain
from shared.explain.account import latch_with_its_verb, money
from shared.explain.orders import difference_name, order_line
from shared.messages import Decision, ExecutionReport
from shared.plural import plural
from shared.status.state import LineStatus, SymbolStatus
from shared.status.stops import stops_line
from shared.wall_time import WallTime, age

WIDE = 140  # columns from which on a symbol fits into one line
DIGITS = 8  # of a quantity or a price; a book has 28
APART = "  "
OTHER_CLOCK_NS = 86_400 * 10**9  # apart from the wall clock: the ticks are of another day


def status_lines(status: LineStatus, wall: WallTime, width: int) -> list[str]:
    """Returns the status, no line longer than `width`; a line about trouble is left whole, so that it can be copied."""
    above, below = folded(head(status, wall), width), folded(_words(status, wall), width)
    return [*above, "", *table(status, width), "", *below, *troubles(status, wall)]


def status_screen(status: LineStatus, wall: WallTime, width: int, height: int) -> list[str]:
    """Returns the status for a screen. Where it is too high symbols are left out before any line about trouble is."""
    above, below = folded(head(status, wall), width), folded(_words(status, wall), width)
    below += folded(troubles(status, wall), width)
    shown = table(status, width)
    room = max(height - len(above) - len(below) - 2, 1)
    return _shortened([*above, "", *_shortened(shown, room), "", *below], height)


def _shortened(lines: list[str], height: int) -> list[str]:
    """Returns so many of the lines as fit, and where others are left out says where they are."""
    if len(lines) <= height or height < 1:
        return lines
    return [*lines[: height - 1], f"… {plural(len(lines) - height + 1, 'more line')}: `tickline status`"]


def head(status: LineStatus, wall: WallTime) -> Iterator[str]:
    """Yields what trades, whether it may, and what it has made."""
    account = "" if status.mode == "paper" else f", account {status.account} at {status.venue}"
    line = f"line {status.line}"
    if status.line == "partly":
        line += f" (not at work: {', '.join(status.missing)})"
    yield f"{status.mode}{account}{APART}{line}{APART}{wall.second(status.now_ns)}"
    if abs(status.now_ns - status.event_ns) > OTHER_CLOCK_NS:
        yield f"ticks of {wall.second(status.event_ns)}: today is that day"
    own = status.standing
    if own is not None and own.latches:
        yield own.held(status.now_ns, wall)
    elif own is not None and (left_ns := own.armed_ns(status.now_ns)) and own.arming is not None:
        until = wall.second(own.arming.expires_at_ms * 1_000_000)
        yield f"armed for {age(left_ns)} yet, until {until}, positions of at most {plain(own.arming.max_notional)}"
    elif own is not None:
        yield "not armed"  # why, and what is typed, stands below
    if status.identity is not None:
        yield str(status.identity)
    if status.edge:
        yield status.edge
    yield f"equity {'not known' if status.equity is None else money(status.equity)}{APART}{made(status)}"
    if status.worst:
        yield status.worst


def made(status: LineStatus) -> str:
    """Returns what today brought, over all books."""
    figures = {"today": status.today, "unrealised": status.unrealised}
    said = [f"{name} {'not known' if amount is None else signed(amount)}" for name, amount in figures.items()]
    said += [f"fees today {money(status.fees_today)}", f"funding today {signed(status.funding_today)}"]
    return APART.join(said)


def table(status: LineStatus, width: int) -> list[str]:
    """Returns a header and each symbol: in one line where `width` allows it, else in two or three."""
    names = ("symbol", "price", "age", "position", "entry", "unrealised", "today")
    more = ("fees", "funding", "last decision", "last fill")
    rows = [_numbers(one, status.event_ns) for one in status.symbols.values()]
    last = [_last(one, status.event_ns) for one in status.symbols.values()]
    if width >= WIDE:
        wide = columns(
            [(*names, *more), *((*row, *rest) for row, rest in zip(rows, last, strict=True))], left={0, 9, 10}
        )
        return [cut(line, width) for line in wide]
    lines = columns([names, *rows], left={0})
    shown = lines[:1]
    for line, (fees, funding, decision, fill) in zip(lines[1:], last, strict=True):
        paid = [f"{what} {amount}" for what, amount in (("fees", fees), ("funding", funding)) if amount != "0"]
        shown += [line, *_packed(filter(None, (decision, fill, *paid)), width)]
    return [cut(line, width) for line in shown]


def _packed(parts: Iterable[str], width: int) -> list[str]:
    """Returns the parts, each whole, on as few lines as hold them."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(APART) + len(part) <= width:
            lines[-1] += APART + part
        else:
            lines.append(f"  {part}")
    return lines


def troubles(status: LineStatus, wall: WallTime) -> Iterator[str]:
    """Yields what a person should act on: latches, orders in doubt, differences, what the exchange holds instead."""
    if status.standing is not None:
        for latch in status.standing.latches.values():
            yield latch_with_its_verb(latch, wall)
        if not status.standing.latches and not status.standing.armed_ns(status.now_ns):
            yield status.standing.line(status.now_ns, wall)
    for sym, one in status.symbols.items():
        if one.apart and one.exchange is not None:
            yield (
                f"{sym}: the exchange holds {number(one.exchange.qty)}, the books {number(one.qty)}: something was "
                "filled there that the line has not booked: start it, then `tickline resolve`"
            )
        yield from (f"UNKNOWN {order_line(row, wall)}" for row in one.unknown)
    for sym in status.naked:
        yield f"{sym}: its position has no stop that the exchange has shown: the gateway places one while it is at work"
    differences = () if status.standing is None else status.standing.differences
    for row in differences:
        yield f"difference {difference_name(row)} since {wall.second(row.at_ms * 1_000_000)}: {row.text}"
    yield from status.notes


def _words(status: LineStatus, wall: WallTime) -> Iterator[str]:
    """Yields how old the last word of each is, and where the figures come from."""
    said = []
    for word in status.words:
        since = "no word" if word.at_ns is None else f"{age(status.now_ns - word.at_ns)} ago"
        said.append(f"{word.who} {since}{f' ({word.note})' if word.note else ''}")
    if said:
        yield f"last word: {', '.join(said)}"
    there = [(sym, one.exchange) for sym, one in status.symbols.items() if one.exchange is not None]
    if there:
        held = ", ".join(f"{sym} {number(at.qty) if at.qty else 'flat'}" for sym, at in there)
        resting = sum(at.open_orders for _, at in there)
        yield f"at the exchange, asked just now: {held}; {plural(resting, 'open order')}"
    if stops := stops_line(status.symbols):
        yield stops
    if status.not_asked:
        at = "" if status.as_of_ns is None else f"as of {wall.second(status.as_of_ns)}, "
        yield f"{at}{'exchange asked in vain' if status.asked else 'exchange not asked'}: {status.not_asked}"
    read = ["nothing was traded yet" if status.money_from == "nothing" else f"money from the {status.money_from}"]
    yield "; ".join([*read, *status.sources])


def _numbers(one: SymbolStatus, now_ns: int) -> tuple[str, ...]:
    held = bool(one.qty)
    return (
        one.sym,
        "-" if one.price is None else number(one.price),
        "-" if one.price_ns is None else age(now_ns - one.price_ns),
        number(one.qty) if held else "flat",
        number(one.entry) if held and one.entry is not None else "-",
        signed(one.unrealised) if held and one.unrealised is not None else "-",
        "-" if one.today is None else signed(one.today),
    )


def _last(one: SymbolStatus, now_ns: int) -> tuple[str, str, str, str]:
    return (
        money(one.fees_today),
        signed(one.funding_today),
        "" if one.decision is None else decision_text(one.decision, one.outcome, now_ns),
        "" if one.fill is None else fill_text(one.fill, now_ns),
    )


def decision_text(decision: Decision, outcome: str, now_ns: int) -> str:
    """Returns a decision in a few words: its orders and their outcome, or the reason for none, and how long ago."""
    what = f"{plural(len(decision.orders), 'order')}: {outcome}," if decision.orders else str(decision.reason)
    return f"{what} {age(now_ns - decision.ts_event)} ago"


def fill_text(fill: ExecutionReport, now_ns: int) -> str:
    """Returns a fill in a few words."""
    side = "BUY" if fill.last_qty > 0 else "SELL"
    price = "" if fill.last_px is None else f" at {number(fill.last_px)}"
    return f"{side} {number(fill.last_qty.copy_abs())}{price} {age(now_ns - fill.ts_event)} ago"


def number(value: Decimal) -> str:
    """Returns a quantity or a price with DIGITS digits at most, and no more zeros than it needs.

    >>> number(Decimal("0.0013997712345678")), number(Decimal("71440.10")), number(Decimal(-2000000000))
    ('0.0013997712', '71440.1', '-2000000000')
    """
    if not value:
        return "0"
    places = max(DIGITS - 1 - value.adjusted(), 0)
    return plain(round(value, places))


def signed(amount: Decimal) -> str:
    """Returns money to the cent with its sign.

    >>> signed(Decimal("3.206")), signed(Decimal(-4)), signed(Decimal("0.001"))
    ('+3.21', '-4', '0')
    """
    text = money(amount + 0)
    return "0" if text in ("0", "-0") else text if text.startswith("-") else f"+{text}"


def columns(rows: Sequence[Sequence[str]], left: Iterable[int]) -> list[str]:
    """Returns rows as lines, each column as wide as its widest cell; `left`: columns that begin at their left edge."""
    at_left = set(left)
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return [
        APART.join(
            cell.ljust(size) if i in at_left else cell.rjust(size)
            for i, (cell, size) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def folded(lines: Iterable[str], width: int) -> list[str]:
    """Returns the lines, each on as many as it needs.

    >>> folded(["one two three"], 8)
    ['one two', '  three']
    >>> folded(["at http://demo-exchange"], 22)
    ['at', '  http://demo-exchange']
    """
    return [
        part for line in lines for part in wrap(line, width, subsequent_indent="  ", break_on_hyphens=False) or [""]
    ]


def cut(line: str, width: int) -> str:
    """Returns a line that fits.

    >>> cut("a long line", 6), cut("short", 6)
    ('a lon…', 'short')
    """
    return line if len(line) <= width else f"{line[: width - 1]}…"
