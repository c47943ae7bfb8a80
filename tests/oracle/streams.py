"""The streams of a line, read as anybody can read them, and judged: what is lost, doubled, reordered or another.

A stream has numbers from 1 on for each symbol. They are the only thing that a reader goes by, so they are what counts.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b
from typing import Any, NamedTuple

import msgpack

WRITERS = {
    "ticks": "ingestor", "features": "signal", "predictions": "signal",
    "decisions": "strategy", "orders": "strategy", "executions": "gateway",
}  # fmt: skip
PAGE = 5_000
SHOWN = 3  # faults of each kind that a verdict names

Key = tuple[str, str]  # stream, symbol


class Entry(NamedTuple):
    """One entry: its number, its content (or a hash of it), the trace of the tick behind it, and what it is.

    what: `MarketTick`, `Gap` ..., without its wire.
    """

    n: int
    d: bytes
    tr: str = ""
    what: str = ""


Streams = Mapping[Key, Sequence[Entry]]
Contents = Mapping[Key, Mapping[int, bytes]]  # of each stream and symbol, by number


class Reader:
    """Reads the streams of a namespace, each time what has come since.

    - lean: an entry has the hash of its content, and no more, and what was read is only counted.
    - streams: all that was read. counts: its entries, by stream. dead: how many dead letters there are.
    """

    def __init__(self, client: Any, namespace: str, *, lean: bool = False) -> None:
        self.streams: dict[Key, list[Entry]] = defaultdict(list)
        self.counts: Counter[str] = Counter()
        self.dead = 0
        self._client, self._namespace, self._lean = client, namespace, lean
        self._cursors: dict[bytes, bytes] = {}

    def look(self) -> Streams:
        """Returns what came since the last look."""
        news: dict[Key, list[Entry]] = defaultdict(list)
        for key in sorted(self._client.scan_iter(match=f"{self._namespace}:*:{{*}}", count=1_000, _type="stream")):
            stream = key.decode().removeprefix(f"{self._namespace}:").partition(":")[0]
            for entry_id, fields in self._news(key):
                self._cursors[key] = entry_id
                if stream == "dead":
                    self.dead += 1
                elif stream in WRITERS:
                    news[stream, fields[b"k"].decode()].append(self._entry(fields))
        for found, entries in news.items():
            self.counts[found[0]] += len(entries)
            if not self._lean:
                self.streams[found] += entries
        return news

    def anew(self) -> Streams:
        """Forgets all, and reads from the start: the server has another past now."""
        self.streams.clear()
        self.counts.clear()
        self._cursors.clear()
        self.dead = 0
        return self.look()

    def _news(self, key: bytes) -> Iterator[tuple[bytes, dict[bytes, bytes]]]:
        while True:
            first = b"(" + self._cursors[key] if key in self._cursors else b"-"
            page = self._client.xrange(key, min=first, count=PAGE)
            yield from page
            if len(page) < PAGE:
                return

    def _entry(self, fields: Mapping[bytes, bytes]) -> Entry:
        n, d = int(fields[b"n"]), fields[b"d"]
        if self._lean:
            return Entry(n, blake2b(d, digest_size=8).digest())
        return Entry(n, d, fields[b"tr"].decode(), fields[b"t"].partition(b"/")[0].decode())


class Verdict(NamedTuple):
    """How often each fault was found. faults: the first ones, a line each.

    - lost: a number that is missing. doubled: one that came again, to the letter. reordered: one behind a later one.
    - changed: another content than the undisturbed run has, or than the same number had before.
    """

    lost: int = 0
    doubled: int = 0
    reordered: int = 0
    changed: int = 0
    faults: tuple[str, ...] = ()

    def and_(self, other: "Verdict") -> "Verdict":
        """Returns both together."""
        counts = [mine + theirs for mine, theirs in zip(self[:4], other[:4], strict=True)]
        return Verdict(*counts, faults=self.faults + other.faults)

    def beyond(self, before: "Verdict") -> "Verdict":
        """Returns what is more than there was."""
        counts = [max(mine - theirs, 0) for mine, theirs in zip(self[:4], before[:4], strict=True)]
        return Verdict(*counts, faults=tuple(fault for fault in self.faults if fault not in before.faults))

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return not any(self[:4])


class Judge:
    """Takes entries as they stand in the streams, and says what is wrong with all that it has taken.

    - expected: what an undisturbed run of the same ticks has written; None: only the numbers are judged.
    """

    def __init__(self, expected: Contents | None = None) -> None:
        self._expected = expected
        self._symbols: dict[Key, _Numbers] = {}

    def take(self, news: Streams) -> None:
        """Takes what stands behind that which it has."""
        for key, entries in news.items():
            if key not in self._symbols:
                self._symbols[key] = _Numbers(None if self._expected is None else self._expected.get(key, {}))
            for entry in entries:
                self._symbols[key].take(entry)

    def verdict(self, *, whole: bool = False) -> Verdict:
        """Returns what is wrong. whole: the run is over, so that all that is expected must be there."""
        if whole:
            self.take(dict.fromkeys(self._expected or {}, ()))
        made = Verdict()
        for key, numbers in sorted(self._symbols.items()):
            made = made.and_(numbers.verdict(*key, whole=whole))
        return made


class _Numbers:
    """Of one stream and symbol."""

    def __init__(self, wanted: Mapping[int, bytes] | None) -> None:
        self._wanted = wanted
        self._seen: dict[int, bytes] = {}
        self._bad: dict[str, list[int]] = {"lost": [], "doubled": [], "reordered": [], "changed": []}
        self._highest = 0

    def take(self, entry: Entry) -> None:
        n, seen = entry.n, self._seen
        if n in seen:
            self._bad["doubled" if seen[n] == entry.d else "changed"].append(n)
            return
        if n < self._highest:
            self._bad["reordered"].append(n)
        if self._wanted is not None and self._wanted.get(n) != entry.d:
            self._bad["changed"].append(n)
        seen[n] = entry.d
        self._highest = max(self._highest, n)

    def verdict(self, stream: str, sym: str, *, whole: bool) -> Verdict:
        last = max(self._wanted or {}, default=0) if whole else 0
        last = max(last, self._highest)
        self._bad["lost"] = [n for n in range(1, last + 1) if n not in self._seen] if len(self._seen) < last else []
        faults = tuple(
            f"{stream} of {sym}: {len(numbers)} {what}, first n={', '.join(map(str, numbers[:SHOWN]))}"
            for what, numbers in self._bad.items()
            if numbers
        )
        return Verdict(*map(len, self._bad.values()), faults=faults)


def contents(streams: Streams) -> Contents:
    """Returns what stands under each number."""
    return {key: {entry.n: entry.d for entry in entries} for key, entries in streams.items()}


def judged(found: Streams, expected: Streams | None = None, *, whole: bool = False) -> Verdict:
    """Returns what is wrong with these streams; see Judge."""
    judge = Judge(None if expected is None else contents(expected))
    judge.take(found)
    return judge.verdict(whole=whole)


def unanswered(streams: Streams, sym: str) -> Verdict:
    """Returns what of a symbol went on with nothing, or twice: each tick has one prediction, and that a decision.

    What came behind the last that was answered may still be under way. A Gap is no tick.
    """
    ticks = [entry.tr for entry in streams.get(("ticks", sym), ()) if entry.what == "MarketTick"]
    predicted = [entry.tr for entry in streams.get(("predictions", sym), ()) if entry.what == "Prediction"]
    decided = [entry.tr for entry in streams.get(("decisions", sym), ())]
    verdict = _answered(f"{sym}: ticks without a prediction", ticks, predicted)
    verdict = verdict.and_(_answered(f"{sym}: predictions without a decision", predicted, decided))
    twice = [tr for tr, times in Counter(predicted).items() if times > 1]
    if twice:
        told = f"{sym}: {len(twice)} ticks predicted twice, first {twice[0]}"
        verdict = verdict.and_(Verdict(doubled=len(twice), faults=(told,)))
    return verdict


def _answered(what: str, asked: Sequence[str], answers: Sequence[str]) -> Verdict:
    given = set(answers)
    last = max((at for at, tr in enumerate(asked) if tr in given), default=-1)
    missing = [tr for tr in asked[:last] if tr not in given]
    return Verdict(lost=len(missing), faults=(f"{what}: {len(missing)}, first {missing[0]}",)) if missing else Verdict()


def fields_of(data: bytes) -> dict[str, Any]:
    """Returns a message's fields; an amount is a Decimal."""
    fields: dict[str, Any] = msgpack.unpackb(data, ext_hook=_amount)
    return fields


def _amount(code: int, data: bytes) -> Decimal:
    assert code == 1, f"extension {code}"
    return Decimal(data.decode())
