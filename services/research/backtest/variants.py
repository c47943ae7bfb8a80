"""The same strategy with two legs a decision and with one."""

from shared.config import Settings
from shared.strategies import make_decider

LEGS, NETTED = "legs", "netted"


def variants(settings: Settings) -> dict[str, Settings]:
    """The settings by a name for the table, the configured ones first; for a strategy with a parameter `netting` the
    other way of ordering beside it. Raises ValueError for parameters that do not fit.

    >>> from shared.config import load_settings
    >>> [(name, found.strategy.params) for name, found in variants(load_settings()).items()]
    [('legs', {}), ('netted', {'netting': True})]
    """
    own = settings.strategy
    netting = getattr(make_decider(own.name, own.params), "netting", None)
    if not isinstance(netting, bool):
        return {own.name: settings}
    strategy = own.model_copy(update={"params": {**own.params, "netting": not netting}})
    other = settings.model_copy(update={"strategy": strategy})
    return {NETTED: settings, LEGS: other} if netting else {LEGS: settings, NETTED: other}
