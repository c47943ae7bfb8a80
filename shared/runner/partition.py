"""One partition's work, without I/O: `offer` entries, let the stages `work`, and take the next `commit`.

An entry is settled when it needs no more work: it was taken, skipped, set aside or buried. What is not settled is read
again after a restart. The rules, for each symbol and input stream, in the order in which `_take` goes through them:
- a stopped symbol: what comes on a strict stream is put aside in its snapshot, market data are dropped.
- n smaller or equal: seen already, skipped. The same n with another trace id, or with another content, is a
  divergence: the symbol stops.
- an entry that cannot be read, or at which the stage failed twice: to the dead letters, then as if it were missing.
- an entry of a wire that does not stand on the bus: as one that cannot be read. Where that wire may stand: NewerEntry.
- n jumps: entries are missing. The stage gets a Gap first; on a strict stream the symbol stops.
- n as expected: the stage takes the message, when it is ready for it.
"""

import math
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import cast

from shared.bus.api import Commit, Lease, Stored
from shared.bus.entry import Entry, EntryId, Outgoing
from shared.messages import Gap, GapCause, Message, Stream
from shared.record import WIRE
from shared.runner.joint import FIELD as JOINT
from shared.runner.joint import JointStage
from shared.runner.poison import EntryDecoder, StageFailed, Suspect
from shared.runner.spec import Limits, ServiceSpec, Stage
from shared.runner.symbol import FIELD, InputCursor, Symbol, Taken
from shared.user_code import described

MAX_SYMBOL, MAX_TRACE, MAX_N = 64, 160, 2**63 - 1  # what a message can hold


class Partition:
    """A partition's memory between two commits: entries go in, the next commit comes out.

    - stored: what lies on the bus. cursors_id: the id under which its cursors hold; under another all is read again.
    - poison: entries at which the stage failed twice, and why.
    - wire: the one that stands on the bus. foreign: entries of a wire that nobody may write here, and why.
    - given: the entries of the newest commit, for whoever counts them.
    """

    def __init__(
        self,
        spec: ServiceSpec,
        limits: Limits,
        lease: Lease,
        stored: Stored,
        cursors_id: str,
        poison: Mapping[Suspect, str],
        wire: int = WIRE,
        foreign: Mapping[Suspect, str] = MappingProxyType({}),
    ) -> None:
        self.spec = spec
        self.limits = limits
        self.lease = lease
        self.seq = stored.seq
        self.wire = wire
        self.counts: Counter[str] = Counter()
        self.alarms: list[str] = []
        self.missed: list[str] = []  # what was trimmed before it was read, for the log
        hold = stored.fields.get("run") == cursors_id.encode()
        self.cursors = {x.key: InputCursor(x, stored.fields.get(f"in:{x.key}"), hold) for x in spec.inputs}
        streams = [output.stream for output in spec.outputs]
        self.written = {s: int(stored.fields.get(f"out:{s}", b"0")) for s in (*streams, Stream.DEAD)}
        self.trims: dict[str, str] = {}
        self._poison = poison
        self._decoder = EntryDecoder(lease.partition.p, foreign)
        self._symbols: dict[str, Symbol] = {}
        self._active: dict[str, Symbol] = {}  # those with entries that may be taken now
        self._last_taken: Suspect | None = None
        # The next commit: symbols whose snapshot changes, entries, fields beside the snapshots, moved cursors.
        self._touched: dict[str, Symbol] = {}
        self.given: list[Message | Outgoing] = []
        self._entries: list[Message | Outgoing] = []
        self._fields: dict[str, bytes | str] = {}
        self._moved: set[str] = set()
        self._kept: list[Message] = []  # for the external store, before that commit
        # Under a new id the cursors are renewed in all streams, also where nothing came yet.
        renewed = {f"in:{stream}": f"{x.cursor.decode()} {x.position}" for stream, x in self.cursors.items()}
        self._on_attach: dict[str, bytes | str] = {} if hold else {"run": cursors_id, **renewed}
        self._joint = JointStage(spec.make_stage(""), stored.fields.get(JOINT)) if spec.joint else None
        self._told: dict[str, str] = {}
        self._snapshots = {k.removeprefix(FIELD): v for k, v in stored.fields.items() if k.startswith(FIELD)}

    def symbol(self, name: str) -> Symbol:
        """Returns a symbol's memory, restored from the snapshot when it is first asked for."""
        known = self._symbols.get(name)
        if known is None:
            known = Symbol(name, self.spec.make_stage(name) if self._joint is None else self._joint.view)
            snapshot = self._snapshots.pop(name, None)
            if snapshot is not None:
                known.restore(snapshot)
            known.queues = {stream: deque() for stream in self.cursors}
            for stream in self.cursors:
                known.last.setdefault(stream, Taken())
            self._symbols[name] = known
        return known

    @property
    def known(self) -> Mapping[str, Symbol]:
        """Returns the symbols that were asked for, by name."""
        return self._symbols

    @property
    def joint(self) -> Stage | None:
        """Returns the stage of all symbols, where there is one."""
        return None if self._joint is None else self._joint.stage

    def wants(self, stream: str) -> bool:
        """Says whether the worker may read more of this stream now."""
        return len(self.cursors[stream].unsettled) < self.limits.pending

    def offer(self, stream: str, entries: Sequence[Entry]) -> None:
        """Takes what was read."""
        self.cursors[stream].offer(entries)
        self._moved.add(stream)
        for entry in entries:
            if not 0 < len(entry.k) <= MAX_SYMBOL or not 0 < entry.n <= MAX_N:
                self._bury(entry, stream, "no symbol or no number")
                entry.settled = True
                continue
            symbol = self.symbol(entry.k)
            if entry.n > symbol.last[stream].n:
                self._decoder.decode(entry, stream)
            symbol.queues[stream].append(entry)
            self._active[entry.k] = symbol

    def feed(self, name: str, value: object) -> None:
        """Gives a symbol's stage a value that did not come over the bus."""
        symbol = self.symbol(name)
        self._touched[name] = symbol
        self._write(symbol, symbol.stage.on_tick(value) or [])

    def tell(self, name: str, text: str) -> None:
        """Writes a field beside the snapshot with the next commit, for whoever looks; nothing where it says so already.

        Nothing of ours is restored from it.
        """
        if self._told.get(name) != text:
            self._told[name] = self._fields[name] = text

    def work(self, limit: int, until_s: float = math.inf) -> None:
        """Runs the stages until nothing more is ready, `limit` entries wait to be written, or it is `until_s`.

        An input that is `always` taken is taken beyond the limit, too. What has begun is finished: at least one entry.

        - until_s: on the clock `time.monotonic`. What is left makes the partition busy.
        """
        for name, symbol in list(self._active.items()):
            if self._drain(symbol, limit, until_s):
                del self._active[name]
            if time.monotonic() >= until_s:
                return

    def work_alone(self) -> None:
        """Takes a single entry, so that a commit holds nothing else."""
        for name, symbol in list(self._active.items()):
            for stream, cursor in self.cursors.items():
                queue = symbol.queues[stream]
                if queue and self._take(symbol, cursor, queue[0]):
                    if queue[0].settled:
                        queue.popleft()
                        self._moved.add(stream)
                    return
            del self._active[name]

    def take_kept(self) -> list[Message]:
        """Returns what the stages gave since the last time for the external store, in order."""
        kept, self._kept = self._kept, []
        return kept

    def behind(self, suspect: Suspect) -> bool:
        """Says whether the partition has taken this entry."""
        stream, entry_id = suspect
        cursor = self.cursors[stream]
        if any(entry.id == entry_id for entry in cursor.unsettled):
            return False
        return EntryId.of(cursor.read_to) >= EntryId.of(entry_id)

    @property
    def busy(self) -> bool:
        """Says whether the limit has cut work off."""
        return bool(self._active)

    def commit(self) -> Commit | None:
        """Returns the next commit, or None where there is nothing to write."""
        for stream in self._moved:
            stored = self.cursors[stream].advance()
            if stored is not None:
                self._fields[f"in:{stream}"] = stored
        self._moved.clear()
        if not self._touched and not self._entries and not self._fields:
            return None
        try:
            return self._pack()
        except Exception as error:
            if self._last_taken is None:
                raise
            raise StageFailed("a commit", self._last_taken, error) from error

    def _pack(self) -> Commit:
        """Puts all that changed into its wire form.

        It is called after all stages have worked, because many of one kind in a row are faster.
        """
        if self._on_attach:
            self._fields = {**self._on_attach, **self._fields}
            self._on_attach = {}
        for name, symbol in self._touched.items():
            self._fields[FIELD + name] = symbol.dump(self.wire)
        if self._joint is not None and self._touched:
            self._fields[JOINT] = self._joint.dump(self.wire)
        entries = [Outgoing.of(x, self.wire) if isinstance(x, Message) else x for x in self._entries]
        for entry_stream in {entry.stream for entry in entries}:
            self._fields[f"out:{entry_stream}"] = str(self.written[Stream(entry_stream)])
        commit = Commit(self.lease, self.seq, self._fields, entries, self.trims)
        self.given = self._entries
        self._fields, self._entries, self._touched, self.trims = {}, [], {}, {}
        self.seq += 1
        return commit

    def _drain(self, symbol: Symbol, limit: int, until_s: float) -> bool:
        """Takes this symbol's entries until none is ready; False when the limit or the time came first."""
        took = True
        while took:
            took = False
            for stream, cursor in self.cursors.items():
                queue = symbol.queues[stream]
                while queue:
                    if len(self._entries) >= limit and not cursor.source.always:
                        return False
                    entry = queue[0]
                    if not self._take(symbol, cursor, entry):
                        break
                    took = True
                    if entry.settled:
                        queue.popleft()
                        self._moved.add(stream)
                    if time.monotonic() >= until_s:
                        return False
        return True

    def _take(self, symbol: Symbol, cursor: InputCursor, entry: Entry) -> bool:
        """Does what the rules say of the symbol's next entry; False where that has to wait."""
        stream = cursor.key
        last = symbol.last[stream]
        if symbol.stopped:
            return self._put_aside(symbol, cursor, entry)
        if entry.n <= last.n:
            divergence = self._decoder.divergence(entry, stream, last) if entry.n == last.n and last.tr else ""
            if divergence:
                self._stop(symbol, f"divergence: {stream} n={entry.n} {divergence}")
                return True
            self.counts["skipped"] += 1
            entry.settled = True
            return True
        poison = self._poison.get((stream, entry.id)) if self._poison else None
        if entry.message is None:
            self._decoder.decode(entry, stream)
        message = None if poison else entry.message
        if message is None:
            cause = GapCause.FAILED if poison else GapCause.UNREADABLE
            return self._take_bad(symbol, cursor, entry, poison or entry.cause, cause)
        if entry.n > last.n + 1:  # the gap alone: the entry itself is taken next
            return self._give_gap(symbol, cursor, message, GapCause.MISSED, upto=entry.n - 1)
        if not self._give(symbol, cursor, entry, message):
            return False
        cursor.position += 1
        last.n, last.tr, last.said = entry.n, entry.tr, message
        entry.settled = True
        return True

    def _give(self, symbol: Symbol, cursor: InputCursor, entry: Entry, message: Message) -> bool:
        """Gives the message to the stage; False where the stage is not ready for it."""
        stage = cast(Stage, symbol.stage)
        try:
            if not stage.ready(message):
                return False
            outputs = stage.on_tick(message)
            self._touched[symbol.name] = symbol
            if outputs:
                self._write(symbol, outputs)
        except Exception as error:
            raise StageFailed(symbol.name, (cursor.key, entry.id), error) from error
        self._last_taken = (cursor.key, entry.id)
        return True

    def _write(self, symbol: Symbol, outputs: list[Message]) -> None:
        """Puts what the stage gave into the next commit, or into what is kept; ValueError where a number is wrong."""
        for message in outputs:
            stream = message.to
            if stream in self.spec.kept:
                self._kept.append(message)
                continue
            writer = symbol if message.sym == symbol.name else self._writer(message.sym)
            last = writer.sent.get(stream, 0)
            if message.n != last + 1:
                raise ValueError(f"{writer.name}: the stage gave {stream} n={message.n} after {last}")
            writer.sent[stream] = message.n
            self.written[stream] += 1
            self._entries.append(message)

    def _writer(self, name: str) -> Symbol:
        """Returns the symbol in whose name a joint stage writes; any other stage writes in its own symbol's name."""
        self._touched[name] = symbol = self.symbol(name)
        return symbol

    def _take_bad(self, symbol: Symbol, cursor: InputCursor, entry: Entry, cause: str, gap: GapCause) -> bool:
        """Buries an entry that cannot be taken; the symbol stops, or its stage gets a Gap in the entry's place."""
        stream = cursor.key
        if cursor.source.strict:
            self._bury(entry, stream, cause)
            self._stop(symbol, f"{stream} n={entry.n}: {cause}")
            return True
        last_n = symbol.last[stream].n
        if gap is GapCause.FAILED or entry.n == last_n + 1:
            tr = entry.tr[:MAX_TRACE] or "?"
            stand_in = Gap(n=entry.n, sym=symbol.name, ts_event=0, tr=tr, stream=cursor.source.stream, cause=gap)
            if not self._give_gap(symbol, cursor, stand_in, gap, upto=entry.n):
                return False
        # else its number is not believed: the next entry that can be read shows what is missing
        self._bury(entry, stream, cause)
        entry.settled = True
        return True

    def _give_gap(self, symbol: Symbol, cursor: InputCursor, behind: Message, cause: GapCause, upto: int) -> bool:
        """Tells the stage, when it is ready for it, that everything up to n = `upto` is missing.

        behind: the message that shows it, from which the Gap has its time and trace.
        """
        stream, missed = cursor.key, cursor.source.stream
        if cursor.source.strict:
            self._stop(symbol, f"{stream} n={upto} is missing")
            return True
        gap = Gap(n=upto, sym=symbol.name, ts_event=behind.ts_event, tr=behind.tr, stream=missed, cause=cause)
        try:
            if not cast(Stage, symbol.stage).ready(gap):
                return False
            self._write(symbol, symbol.stage.on_tick(gap) or [])
        except Exception as error:  # noqa: BLE001  (a stage may raise anything; its symbol stops, with an alarm)
            self._stop(symbol, described(error, "the stage failed at a gap"))
            return True
        self.counts["gaps"] += 1
        if cause is GapCause.MISSED:
            self.missed.append(f"{stream} of {symbol.name}: n={symbol.last[stream].n + 1} to {upto}")
        cursor.position += upto - symbol.last[stream].n
        symbol.last[stream] = Taken(upto)
        self._moved.add(stream)
        self._touched[symbol.name] = symbol
        return True

    def _bury(self, entry: Entry, stream: str, cause: str) -> None:
        """Writes the entry to the dead letters, and raises an alarm."""
        self.counts["dead"] += 1
        self.written[Stream.DEAD] += 1
        why = f"{stream} {entry.id.decode()} {cause}"[:400]
        dead = self.written[Stream.DEAD]
        self._entries.append(Outgoing(Stream.DEAD, f"Dead/{self.wire}", entry.k, dead, why, entry.tr, entry.d))
        self.alarms.append(f"dead letter: {entry.k or 'no symbol'}: {why}")

    def _stop(self, symbol: Symbol, why: str) -> None:
        """Lets the symbol take nothing any more until a person lets it go on."""
        symbol.stopped = why[:400]
        self._touched[symbol.name] = symbol
        self.alarms.append(f"symbol stopped: {symbol.name}: {symbol.stopped}")

    def _put_aside(self, symbol: Symbol, cursor: InputCursor, entry: Entry) -> bool:
        became = symbol.put_aside(cursor, entry, self.limits.quarantined)
        if became is None:
            return False
        self.counts[became] += 1
        if became != "skipped":
            self._touched[symbol.name] = symbol
        entry.settled = True
        return True
