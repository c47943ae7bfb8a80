"""Drift is measured against what the config's model did out of sample with the config's strategy and costs."""

import json
from hashlib import sha256
from typing import Final

from shared.config import Settings
from shared.drift.reference import DriftReference
from shared.drift.twin import Costs
from shared.models.card import Card
from shared.models.choose import chosen_card
from shared.strategies.identity import strategy_code
from shared.strategies.registry import configured_strategy, described
from shared.strategies.wrapper import innermost

SIZES: Final = frozenset({"leverage", "sizing", "fraction", "qty_step", "qty_steps"})  # the twin has leverage 1


def drift_key(settings: Settings) -> str:
    """Returns the hash of all that makes the twin's returns out of predictions; sizes of orders do not.

    >>> plain, larger, dearer = Settings(), Settings(strategy={"params": {"leverage": 3}}), Settings(gateway={"fee": 0})
    >>> drift_key(plain) == drift_key(larger), drift_key(plain) == drift_key(dearer)
    (True, False)
    """
    own = settings.strategy
    params = {name: value for name, value in described(own).items() if name not in SIZES}
    told = {"name": own.name, "params": params, "code": strategy_code(own), "interval": settings.interval}
    told |= {name: f"{getattr(settings.gateway, name).normalize():f}" for name in ("fee", "slippage_bps")}
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def assumed_costs(settings: Settings) -> Costs:
    """Returns the costs that the twin assumes; a strategy with a parameter `netting` says whether it pays both legs.

    >>> assumed_costs(Settings(strategy={"params": {"netting": True}}))
    Costs(fee=0.0003, slippage_bps=0.0, legs=False)
    """
    netting = getattr(innermost(configured_strategy(settings.strategy)), "netting", True)
    return Costs(float(settings.gateway.fee), float(settings.gateway.slippage_bps), netting is False)


def reference_in(card: Card, settings: Settings) -> DriftReference | None:
    """Returns the card's reference for the config's symbols, strategy and costs; None where it has none."""
    key, symbols = drift_key(settings), set(settings.symbols)
    return next((each for each in card.references if each.decides == key and set(each.symbols) == symbols), None)


def edge_line(settings: Settings) -> str:
    """Returns what the card of the config's model says of the edge, before a person trusts it with money.

    >>> edge_line(Settings(signal={"model": "none"}))
    'EDGE: no model, so no card says what to expect: decay is not computed'
    """
    card = chosen_card(settings)
    if card is None:
        return "EDGE: no model, so no card says what to expect: decay is not computed"
    reference = reference_in(card, settings)
    if reference is None:
        return (
            f"EDGE: NO EDGE SHOWN: the card of {card.name} does not know this strategy at these costs, so decay is not "
            f"computed: `tickline model reference {card.name}` measures it"
        )
    return f"EDGE: {'' if reference.shows_edge else 'NO EDGE SHOWN: '}{reference.text}"
