"""What goes wrong with websocket messages: by switch, or at random by a seed."""

import random
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from services.simulator.engine.turns import Turns


class Trouble(StrEnum):
    """Each befalls one message of one stream; the last four the whole connection or the venue."""

    DUPLICATE = "duplicate"  # it and some before it come once more
    REORDER = "reorder"  # it comes after some that follow it
    GAP = "gap"  # it and some behind it never come; REST has them
    LATE = "late"  # it comes later
    WRONG_TYPE = "wrong_type"  # one of its fields has another JSON type; REST has it right
    HUGE = "huge"  # it is right, and several MB long
    DISCONNECT = "disconnect"  # it does not come, and the connection ends: closed in good order, or torn
    SILENCE = "silence"  # it and what follows never comes; pings and requests are answered
    CLOCK_JUMP = "clock_jump"  # the venue's clock jumps, and back after a while


class Strike(NamedTuple):
    """One trouble, with all its dice thrown. size: of messages, or of bytes. ms: how long, or how far."""

    trouble: Trouble
    size: int = 1
    ms: int = 0
    torn: bool = False


@dataclass
class FeedFault(Turns):
    """Strikes messages of streams whose name contains `stream`: lets `skip` of them pass, then strikes `times`.

    size, ms: see RandomMessageFaults for what they are of; 0: as much as there. A clock jump by `ms` < 0 goes back.
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
        """Whether it is this message's turn; counts."""
        return self.stream in stream and self.turn()


@dataclass
class RandomMessageFaults:
    """chances: of each Trouble by its value, per message. The same seed and connections give the same troubles.

    size: at most so many messages are doubled, delayed or lost. late_ms, silence_ms, jump_ms, jump_for_ms: at most so
    long; a silence of 0 ms lasts as long as the connection. huge_bytes: a huge message's length.
    """

    seed: int = 1
    chances: dict[str, float] = field(default_factory=dict)
    size: int = 5
    late_ms: int = 300
    silence_ms: int = 2000
    jump_ms: int = 2000
    jump_for_ms: int = 2000
    huge_bytes: int = 4_000_000
    faults: list[FeedFault] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    version: int = 0

    def __post_init__(self) -> None:
        unknown = set(self.chances) - set(Trouble)
        if unknown:
            raise ValueError(f"no such trouble: {', '.join(sorted(unknown))}")
        if sum(self.chances.values()) > 1:
            raise ValueError("the chances of all troubles are more than 1")

    def change(self, **fields: object) -> None:
        """Set some fields, from the next message on. Raises ValueError and changes nothing if they are no weather."""
        names = ("seed", "chances", "size", "late_ms", "silence_ms", "jump_ms", "jump_for_ms", "huge_bytes")
        unknown = [name for name in fields if name not in names]
        if unknown:
            raise ValueError(f"the feed's weather has no {unknown[0]}")
        RandomMessageFaults(**fields)  # type: ignore[arg-type]
        for name, value in fields.items():
            setattr(self, name, value)
        self.version += 1

    def strike(self, trouble: Trouble, dice: random.Random) -> Strike:
        """One such trouble, thrown."""
        size = self.huge_bytes if trouble is Trouble.HUGE else dice.randint(1, max(self.size, 1))
        ms = {
            Trouble.LATE: self.late_ms, Trouble.REORDER: self.late_ms, Trouble.SILENCE: self.silence_ms,
            Trouble.CLOCK_JUMP: self.jump_ms,
        }.get(trouble, 0)  # fmt: skip
        if ms:
            ms = dice.randint(1, ms)
        if trouble is Trouble.CLOCK_JUMP:
            ms *= dice.choice((-1, 1))
        return Strike(trouble, size, ms, dice.random() < 0.5)

    def switched(self, stream: str, dice: random.Random) -> Strike | None:
        """What a switch does to this message."""
        fault = next((fault for fault in self.faults if fault.strikes(stream)), None)
        if fault is None:
            return None
        thrown = self.strike(fault.trouble, dice)
        return Strike(fault.trouble, fault.size or thrown.size, fault.ms or thrown.ms, fault.torn)
