"""People write an interval between bars as "12h"; the code counts it in nanoseconds."""

import re

NS_PER_S = 1_000_000_000
TRADE = "trade"  # no length: each trade is a tick
_NS = {"s": NS_PER_S, "m": 60 * NS_PER_S, "h": 3_600 * NS_PER_S, "d": 86_400 * NS_PER_S}
_MAX_NS = 366 * _NS["d"]
_HOW = "write a number and s, m, h or d, e.g. 1s, 5m, 1h, 12h, 1d"
_PATTERN = re.compile(r"([1-9][0-9]{0,8})([smhd])", re.ASCII)


def interval_ns(text: str) -> int:
    """Returns the length of an interval in ns; raises ValueError with what is wrong.

    >>> interval_ns("1s"), interval_ns("12h") // NS_PER_S
    (1000000000, 43200)
    >>> interval_ns("trade")
    Traceback (most recent call last):
    ValueError: interval 'trade' is unknown: write a number and s, m, h or d, e.g. 1s, 5m, 1h, 12h, 1d
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(f"interval {text[:40]!r} is unknown: {_HOW}")
    ns = int(match[1]) * _NS[match[2]]
    if ns > _MAX_NS:
        raise ValueError(f"interval {text!r} is longer than a year")
    return ns


def interval_text(ns: int) -> str:
    """Returns a time span as a person writes it, in the largest unit that fits; `interval_ns` reads whole seconds.

    >>> interval_text(43_200_000_000_000), interval_text(5_400_000_000_000), interval_text(250_000_000)
    ('12h', '90m', '0.25s')
    """
    for unit in ("d", "h", "m", "s"):
        if ns and ns % _NS[unit] == 0:
            return f"{ns // _NS[unit]}{unit}"
    whole, rest = divmod(ns, NS_PER_S)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".") + "s"
