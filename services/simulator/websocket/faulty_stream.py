"""The way of one stream's messages to one client, with what befalls them there."""

import json
import math
import random
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from services.simulator.websocket.frames import framed, unframed
from services.simulator.websocket.random_faults import RandomMessageFaults, Strike, Trouble

KEPT = 20
WHOLE = (Trouble.DISCONNECT, Trouble.SILENCE, Trouble.CLOCK_JUMP)


class Held(NamedTuple):
    """Goes out after so many others, or at that time."""

    others: int
    at_ms: int
    frame: bytes


class FaultyStream:
    """serial: which subscription of this stream it is, as its dice are thrown by that."""

    def __init__(self, stream: str, weather: RandomMessageFaults, serial: int) -> None:
        self.stream = stream
        self._weather = weather
        self._dice = random.Random(f"{weather.seed}|{stream}|{serial}")
        self._version = weather.version
        self._left = self._until_next()
        self._lost = 0
        self._held: list[Held] = []
        self._recent: deque[bytes] = deque(maxlen=KEPT)

    def through(self, frames: Sequence[bytes], now_ms: int) -> tuple[Sequence[bytes], list[Strike]]:
        """What comes out now of these, and what befalls the connection meanwhile; behind a disconnect comes nothing."""
        if self._version != self._weather.version:
            self._version, self._left = self._weather.version, self._until_next()
        if not self._held and not self._lost and not self._weather.faults and self._left > len(frames):
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
            elif strike.trouble in WHOLE:
                strikes.append(strike)
                if strike.trouble is not Trouble.CLOCK_JUMP:
                    break
                self._give(frame, out)
            else:
                self._befall(strike, frame, out, now_ms)
        return out, strikes

    def due_ms(self) -> int | None:
        """When the first message that is held goes out, unless others let it pass before."""
        return min((held.at_ms for held in self._held), default=None)

    def _befall(self, strike: Strike, frame: bytes, out: list[bytes], now_ms: int) -> None:
        match strike.trouble:
            case Trouble.GAP:
                self._lost = strike.size - 1
            case Trouble.DUPLICATE:
                self._give(frame, out)
                out.extend(list(self._recent)[-strike.size :])
            case Trouble.REORDER:
                self._held.append(Held(strike.size, now_ms + strike.ms, frame))
            case Trouble.LATE:
                self._held.append(Held(1 << 30, now_ms + strike.ms, frame))
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
        strike = self._weather.switched(self.stream, self._dice) if self._weather.faults else None
        self._left -= 1
        if self._left <= 0:
            self._left = self._until_next()
            chances = self._weather.chances
            drawn = self._dice.choices(list(chances), list(chances.values()))[0]
            strike = strike or self._weather.strike(Trouble(drawn), self._dice)
        if strike is not None and not self._lost:
            self._weather.struck[strike.trouble] += 1
        return strike

    def _until_next(self) -> float:
        """How many messages it takes to the next trouble: a geometric lot, so that the others cost nothing."""
        chance = sum(self._weather.chances.values())
        if not chance:
            return math.inf
        return 1 + (0 if chance >= 1 else math.floor(math.log(1 - self._dice.random()) / math.log(1 - chance)))


def broken(frame: bytes, dice: random.Random) -> bytes:
    """One field with another JSON type: none of these can be taken for another number, time or market."""
    message: dict[str, Any] = json.loads(unframed(frame))
    inner = message.get("data", message)
    inner = inner[0] if isinstance(inner, list) else inner.get("k", inner)
    name = dice.choice(list(range(len(inner))) if isinstance(inner, list) else [name for name in inner if name != "e"])
    inner[name] = dice.choice([None, {}, [], *_other(inner[name])])
    return framed(json.dumps(message, separators=(",", ":")).encode())


def padded(frame: bytes, size: int) -> bytes:
    """With one more field, so that it has at least this many bytes."""
    text = unframed(frame)
    return framed(text[:-1] + b',"pad":"' + b"x" * size + b'"}')


def _other(value: object) -> list[object]:
    if not isinstance(value, str):
        return ["x", str(value)]
    try:
        return [float(value)]
    except ValueError:
        return [[value]]
