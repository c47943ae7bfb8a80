"""What a failed order means: the venue has definitely not taken it, or nobody knows. Pure.

Only what facts.py lists is definite. The answer itself is read, not ccxt's name for it: ccxt maps codes by the host's
name, puts several meanings under one class, and calls "nobody knows" an error like any other.
"""

from shared.exchanges.trading.exchange_facts import ExchangeFacts
from shared.exchanges.trading.reply import NotCleared, Overdue, Stamp, codes_in
from shared.messages.reasons import Reason
from shared.orders.answers import Ambiguous, Refused


def failed(facts: ExchangeFacts, stamp: Stamp, error: BaseException) -> Refused | Ambiguous:
    """The order's fate, from what came back and what was raised. Texts are the venue's: not redacted yet."""
    if isinstance(error, Overdue):
        return Refused(Reason.REQUEST_EXPIRED, "its validity was over before it was written: not sent")
    if isinstance(error, NotCleared):
        return Ambiguous(f"not sent: {error}")
    if not stamp.may_be_there or _never_connected(error):
        return Refused(Reason.NOT_SENT, f"not sent: {_named(error)}")
    codes = list(codes_in(stamp.body))
    for code, text in codes:
        if code in facts.duplicate or "uplicate" in text:
            return Ambiguous(f"the venue knows this id already: {code} {text}")
    for code, text in codes:
        if code in facts.refusals:
            reason = next((reason for words, reason in facts.meant.items() if words in text), facts.refusals[code])
            return Refused(reason, f"{code} {text}")
    if stamp.status is not None and stamp.status in facts.refusal_statuses:
        return Refused(facts.refusal_statuses[stamp.status], f"HTTP {stamp.status}")
    status = "no answer" if stamp.status is None else f"HTTP {stamp.status}"
    return Ambiguous(f"{status}: {' '.join(f'{code} {text}' for code, text in codes) or _named(error)}")


def _never_connected(error: BaseException) -> bool:
    """No connection was made, so nothing was written."""
    from aiohttp import ClientConnectorError

    return isinstance(error.__cause__, ClientConnectorError)


def _named(error: BaseException) -> str:
    cause = f" ({error.__cause__})" if error.__cause__ is not None and str(error.__cause__) else ""
    return f"{type(error).__name__} {error}{cause}".strip()
