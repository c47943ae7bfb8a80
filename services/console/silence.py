"""How long something does not answer, said soon and then less and less often; and that it is back."""

NEXT_S = (3.0, 10.0, 30.0, 60.0)  # of the silence; from then on every minute


class Silence:
    """One silence at a time. `what` begins each line. now_s: seconds that never go back.

    >>> bus = Silence("the bus does not answer", "the bus is back")
    >>> [bus.goes_on(now_s, "refused") for now_s in (100.0, 102.0, 103.0, 104.0, 110.0)]
    ['', '', 'the bus does not answer, for 3 s: refused', '', 'the bus does not answer, for 10 s: refused']
    >>> bus.over(115.0), bus.over(116.0)
    ('the bus is back, after 15 s', '')
    """

    def __init__(self, what: str, back: str, first_s: float = NEXT_S[0]) -> None:
        self._what, self._back, self._first_s = what, back, first_s
        self._since_s: float | None = None
        self._said_s = 0.0

    def begins(self, now_s: float) -> float:
        """It has lasted since then, unless it had begun before; returns since when."""
        if self._since_s is None:
            self._since_s, self._said_s = now_s, -1.0
        return self._since_s

    def goes_on(self, now_s: float, why: str = "") -> str:
        """The line that is due; empty where none is."""
        lasts_s = now_s - self.begins(now_s)
        if lasts_s < self._first_s or lasts_s < _after(self._said_s):
            return ""
        self._said_s = lasts_s
        return f"{self._what}, for {lasts_s:.0f} s{f': {why}' if why else ''}"

    def goes_on_since(self, now_s: float, lasts_s: float, why: str) -> str:
        """As `goes_on`, for one that has lasted a while when it is told; at its very beginning its length is left out.

        >>> Silence("exchange silent", "exchange is back", 0.0).goes_on_since(100.0, 0.0, "time-out")
        'exchange silent: time-out'
        """
        self._since_s = now_s - lasts_s
        self._said_s = -1.0
        if lasts_s >= 1:
            return self.goes_on(now_s, why)
        self._said_s = lasts_s
        return f"{self._what}{f': {why}' if why else ''}"

    def over(self, now_s: float) -> str:
        """That it is over, where it was said that it had begun."""
        since_s, self._since_s = self._since_s, None
        if since_s is None or self._said_s < 0:
            return ""
        return f"{self._back}, after {now_s - since_s:.0f} s"


def _after(said_s: float) -> float:
    """How long a silence lasts when it is said again."""
    return next((due_s for due_s in NEXT_S if due_s > said_s), said_s + NEXT_S[-1])
