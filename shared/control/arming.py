"""Arming: a person's word that an account may add exposure, for a limited time and up to an amount."""

from decimal import Decimal
from typing import NamedTuple

from shared.errors import ConfigError
from shared.intervals import interval_ns
from shared.journal.journal import Journal
from shared.journal.rows import ArmingRow, DropArming, EventRow, PersonChange

LONGEST_MS = 7 * 24 * 3_600_000


def length_ms(text: str) -> int:
    """Returns how long an arming lasts; raises ConfigError where the text is no time, or too long a one.

    >>> length_ms("12h")
    43200000
    """
    try:
        length = interval_ns(text) // 1_000_000
    except ValueError as error:
        raise ConfigError(f"--for: {error}") from error
    if length > LONGEST_MS:
        raise ConfigError(f"--for {text}: an arming lasts 7 days at most")
    return length


class Armed(NamedTuple):
    """An arming is for one config, and for those who decide.

    - config_hash: of the config.
    - decided_by: what the orders carry, of strategy and model with their code.
    """

    config_hash: str
    decided_by: str


def arming_for(armed: Armed, max_notional: Decimal, length: str, by: str, now_ms: int) -> ArmingRow:
    """Returns an arming that begins now. by: the person."""
    return ArmingRow(max_notional, now_ms, now_ms + length_ms(length), armed.config_hash, by, armed.decided_by)


async def arm(journal: Journal, arming: ArmingRow, length: str) -> None:
    """Writes an arming, in the place of the one before."""
    text = f"by {arming.by} for {length}, at most {arming.max_notional}, config {arming.config_hash}, "
    text += f"decided by {arming.decided_by}"
    await journal.write_by_person([arming, EventRow("ARMED", "", "", text, arming.armed_at_ms)])


async def disarm(journal: Journal, by: str, at_ms: int) -> bool:
    """Ends the arming at once: a gateway that is just about to send is fenced. Returns whether there was one."""
    was = await journal.arming()
    changes: list[PersonChange] = [DropArming(), EventRow("DISARMED", "", "", f"by {by}", at_ms)]
    await journal.raise_epoch(f"disarm by {by}", changes)
    return was is not None
