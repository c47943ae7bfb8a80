"""Websocket messages and subscriptions go wrong by switch, or at random by a seed.

MessageFaults says what may befall messages; a FaultyStream, one for each subscription, lets it befall them.
"""

import json
import math
import random
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from services.simulator.engine.faults import SwitchedFault
from services.simulator.websocket.frames import framed, unframed

KEPT = 20


class Trouble(StrEnum):
    """A trouble befalls one message of one stream; the last three befall the whole connection or the simulator."""

    DUPLICATE = "duplicate"  # it and some before it come once more
    REORDER = "reorder"  # it comes after some that follow it
    GAP = "gap"  # it and some behind it never come; REST has them
    LATE = "late"  # it comes later
    WRONG_TYPE = "wrong_type"  # one of its fields has another JSON type; REST has it right
    HUGE = "huge"  # it is right, and several MB long
    DISCONNECT = "disconnect"  # it does not come, and the connection ends: closed in good order, or torn
    SILENCE = "silence"  # it and what follows never comes; pings and requests are answered
    CLOCK_JUMP = "clock_jump"  # the simulator's clock jumps, and back after a while


OF_CONNECTION = (Trouble.DISCONNECT, Trouble.SILENCE, Trouble.CLOCK_JUMP)


class Strike(NamedTuple):
    """A strike is one trouble, with all its dice thrown.

    - size: in messages, or in bytes.
    - ms: how long, or how far.
    - torn: a disconnect is no closing in good order.
    """

    trouble: Trouble
    size: int = 1
    ms: int = 0
    torn: bool = False


@dataclass
class MessageFault(SwitchedFault):
    """Strikes messages of streams whose name contains `stream`: lets `skip` of them pass, then strikes `times`.

    - size, ms: as in Strike; 0: as MessageFaults draws them. A clock jump by `ms` < 0 goes back.
    """

    trouble: Trouble
    stream: str = ""
    skip: int = 0
    times: int = 1
    size: int = 0
    ms: int = 0
    torn: bool = False
    struck: int = 0

    def strikes(self, stream: str) -> bool:
        """Returns whether the fault strikes this message, and counts it."""
        return self.stream in stream and self.turn()


@dataclass
class MessageFaults:
    """Draws what befalls messages. The same seed and the same subscriptions give the same troubles.

    - chances: of each Trouble by its value, per message.
    - size: at most so many messages are doubled, delayed or lost.
    - late_ms, silence_ms, jump_ms, jump_for_ms: at most so long; a silence of 0 ms lasts as long as the connection.
    - huge_bytes: a huge message's length.
    - switched: faults that strike chosen messages.
    - struck: how many messages were, by trouble.
    - version: grows with each change.
    """

    seed: int = 1
    chances: dict[str, float] = field(default_factory=dict)
    size: int = 5
    late_ms: int = 300
    silence_ms: int = 2000
    jump_ms: int = 2000
    jump_for_ms: int = 2000
    huge_bytes: int = 4_000_000
    switched: list[MessageFault] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    version: int = 0

    def __post_init__(self) -> None:
        unknown = set(self.chances) - set(Trouble)
        if unknown:
            raise ValueError(f"no such trouble: {', '.join(sorted(unknown))}")
        if sum(self.chances.values()) > 1:
            raise ValueError("the chances of all troubles are more than 1")

    def change(self, **fields: object) -> None:
        """Sets some fields, from the next message on. Raises ValueError, with no change, where one makes no sense."""
        names = ("seed", "chances", "size", "late_ms", "silence_ms", "jump_ms", "jump_for_ms", "huge_bytes")
        unknown = [name for name in fields if name not in names]
        if unknown:
            raise ValueError(f"the feed's weather has no {unknown[0]}")
        MessageFaults(**fields)  # type: ignore[arg-type]
        for name, value in fields.items():
            setattr(self, name, value)
        self.version += 1

    def strike(self, trouble: Trouble, dice: random.Random) -> Strike:
        """Throws the dice of one such trouble."""
        size = self.huge_bytes if trouble is Trouble.HUGE else dice.randint(1, max(self.size, 1))
        most_ms = {
            Trouble.LATE: self.late_ms,
            Trouble.REORDER: self.late_ms,
            Trouble.SILENCE: self.silence_ms,
            Trouble.CLOCK_JUMP: self.jump_ms,
        }
        ms = most_ms.get(trouble, 0)
        if ms:
            ms = dice.randint(1, ms)
        if trouble is Trouble.CLOCK_JUMP:
            ms *= dice.choice((-1, 1))
        return Strike(trouble, size, ms, dice.random() < 0.5)

    def strike_of_switch(self, stream: str, dice: random.Random) -> Strike | None:
        """Returns what a switched fault does to this message, if one strikes it."""
        fault = next((fault for fault in self.switched if fault.strikes(stream)), None)
        if fault is None:
            return None
        thrown = self.strike(fault.trouble, dice)
        return Strike(fault.trouble, fault.size or thrown.size, fault.ms or thrown.ms, fault.torn)


class SubscriptionTrouble(StrEnum):
    """A trouble may befall a subscription as a whole."""

    MUTE = "mute"  # it is acknowledged, and then nothing comes
    UNANSWERED = "unanswered"  # it is not even acknowledged
    REFUSED = "refused"  # it is answered with no


@dataclass
class SubscriptionFault(SwitchedFault):
    """Strikes subscriptions to streams whose name contains `stream`: lets `skip` of them pass, strikes `times`."""

    what: SubscriptionTrouble
    stream: str = ""
    skip: int = 0
    times: int = 1
    struck: int = 0

    def strikes(self, stream: str) -> bool:
        """Returns whether the fault strikes this subscription, and counts it."""
        return self.stream in stream and self.turn()


class HeldFrame(NamedTuple):
    """A message that goes out after so many others, or at a time."""

    others: int
    at_ms: int
    frame: bytes


class FaultyStream:
    """Lets a stream's messages through to one client, with what befalls them.

    - serial: the number of the stream's subscriptions so far; the dice are thrown by it.
    """

    def __init__(self, stream: str, faults: MessageFaults, serial: int) -> None:
        self.stream = stream
        self._faults = faults
        self._dice = random.Random(f"{faults.seed}|{stream}|{serial}")
        self._version = faults.version
        self._left = self._until_next()
        self._lost = 0
        self._held: list[HeldFrame] = []
        self._recent: deque[bytes] = deque(maxlen=KEPT)

    def through(self, frames: Sequence[bytes], now_ms: int) -> tuple[Sequence[bytes], list[Strike]]:
        """Returns what of these frames comes out now, and what befalls the connection meanwhile.

        Nothing comes behind a disconnect or a silence.
        """
        if self._version != self._faults.version:
            self._version, self._left = self._faults.version, self._until_next()
        if not self._held and not self._lost and not self._faults.switched and self._left > len(frames):
            self._left -= len(frames)
            self._recent.extend(frames[-KEPT:])
            return frames, []
        out, strikes = self._due(now_ms), list[Strike]()
        for frame in frames:
            strike = self._strike()
            if self._lost:
                self._lost -= 1
            elif strike is None:
                self._give(frame, out)
            elif strike.trouble in OF_CONNECTION:
                strikes.append(strike)
                if strike.trouble is not Trouble.CLOCK_JUMP:
                    break
                self._give(frame, out)
            else:
                self._befall(strike, frame, out, now_ms)
        return out, strikes

    def due_ms(self) -> int | None:
        """Returns when the first message that is held goes out, unless others let it pass before; None: never."""
        return min((held.at_ms for held in self._held), default=None)

    def _befall(self, strike: Strike, frame: bytes, out: list[bytes], now_ms: int) -> None:
        match strike.trouble:
            case Trouble.GAP:
                self._lost = strike.size - 1
            case Trouble.DUPLICATE:
                self._give(frame, out)
                out.extend(list(self._recent)[-strike.size :])
            case Trouble.REORDER:
                self._held.append(HeldFrame(strike.size, now_ms + strike.ms, frame))
            case Trouble.LATE:
                self._held.append(HeldFrame(1 << 30, now_ms + strike.ms, frame))
            case Trouble.WRONG_TYPE:
                out.append(broken(frame, self._dice))
            case _:
                self._give(padded(frame, strike.size), out)

    def _give(self, frame: bytes, out: list[bytes]) -> None:
        out.append(frame)
        self._recent.append(frame)
        if self._held:
            passed = [held._replace(others=held.others - 1) for held in self._held]
            out.extend(held.frame for held in passed if held.others <= 0)
            self._held = [held for held in passed if held.others > 0]

    def _due(self, now_ms: int) -> list[bytes]:
        due = [held.frame for held in self._held if held.at_ms <= now_ms]
        self._held = [held for held in self._held if held.at_ms > now_ms]
        return due

    def _strike(self) -> Strike | None:
        strike = self._faults.strike_of_switch(self.stream, self._dice) if self._faults.switched else None
        self._left -= 1
        if self._left <= 0:
            self._left = self._until_next()
            chances = self._faults.chances
            drawn = self._dice.choices(list(chances), list(chances.values()))[0]
            strike = strike or self._faults.strike(Trouble(drawn), self._dice)
        if strike is not None and not self._lost:
            self._faults.struck[strike.trouble] += 1
        return strike

    def _until_next(self) -> float:
        """Draws how many messages it takes to the next trouble: a geometric lot, so that the others cost nothing."""
        chance = sum(self._faults.chances.values())
        if not chance:
            return math.inf
        return 1 + (0 if chance >= 1 else math.floor(math.log(1 - self._dice.random()) / math.log(1 - chance)))


def broken(frame: bytes, dice: random.Random) -> bytes:
    """Returns a message in which one field has another JSON type.

    None of these can be taken for another number, time or market.
    """
    message: dict[str, Any] = json.loads(unframed(frame))
    inner = message.get("data", message)
    inner = inner[0] if isinstance(inner, list) else inner.get("k", inner)
    name = dice.choice(list(range(len(inner))) if isinstance(inner, list) else [name for name in inner if name != "e"])
    inner[name] = dice.choice([None, {}, [], *_other(inner[name])])
    return framed(json.dumps(message, separators=(",", ":")).encode())


def padded(frame: bytes, size: int) -> bytes:
    """Returns a message with one more field, so that it has at least this many bytes."""
    text = unframed(frame)
    return framed(text[:-1] + b',"pad":"' + b"x" * size + b'"}')


def _other(value: object) -> list[object]:
    if not isinstance(value, str):
        return ["x", str(value)]
    try:
        return [float(value)]
    except ValueError:
        return [[value]]
