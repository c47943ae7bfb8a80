"""Whose account the config's key is of, as the exchange tells it."""

from typing import NamedTuple

from shared.config import Settings
from shared.control.whereabouts import Whereabouts
from shared.errors import SafetyRefusal
from shared.exchanges.trading.make import make_venue
from shared.exchanges.trading.venue import AccountIdentity


class OtherKey(NamedTuple):
    """A key of which nobody knows that it is of the journal's account. why: for a person. identity: the key's."""

    why: str
    identity: AccountIdentity | None


async def other_key(settings: Settings, before: Whereabouts) -> OtherKey | None:
    """Returns the config's key as the exchange knows it; None where it is of the account that the journal belongs to.

    before: what the journal knows of the account.
    """
    account, here = settings.gateway.account, Whereabouts.of(settings)
    venue = make_venue(settings)
    await venue.open(only_out=True)
    try:
        try:
            here.of_account(venue, before, account)
        except SafetyRefusal as other:
            return OtherKey(str(other), here.of_account(venue, Whereabouts(), account).identity)
        return None
    finally:
        await venue.close()
