"""One order of ours is cancelled at an exchange. That can be repeated without harm."""

from shared.errors import VenueError
from shared.exchanges.client import UNREADABLE
from shared.exchanges.rest_caller import NotThere, Refusing, RestCaller
from shared.exchanges.trading.profile import TradingProfile
from shared.orders.answers import Absent, Ambiguous


async def cancel_order(
    caller: RestCaller, profile: TradingProfile, market: str, client_id: str, order_id: str, at_ms: int
) -> Absent | Ambiguous | None:
    """Returns None where the exchange has taken the cancel; Absent: it has no such order open.

    - order_id: the exchange's own; where it is empty the order is named by our id.
    - at_ms: the exchange's clock.
    """
    params = {} if order_id else {profile.lookup_name: client_id}
    try:
        await caller.ask(caller.client.cancel_order, order_id or None, market, params)
    except NotThere:
        return Absent(at_ms)
    except Refusing as error:
        return Absent(at_ms) if error.codes & profile.over else Ambiguous(caller.redact(str(error)))
    except (VenueError, *UNREADABLE) as error:
        return Ambiguous(caller.redact(f"{type(error).__name__}: {error}"))
    return None
