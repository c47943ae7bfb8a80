"""The times of a live account are held against each other: none may make another one void."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.config.gateway import GatewaySettings
    from shared.config.strategy import StrategySettings

MS = 1_000


def misfits(strategy: "StrategySettings", gateway: "GatewaySettings", interval_s: float) -> Iterator[str]:
    """Yields what does not fit, each with its remedy; on paper nothing takes time.

    - The exchange must not take a request when the order behind it is no longer valid.
    - A prediction that waited, and is not stale, must not give an order that is too old when it is born.
    - What waits behind an order whose answer was lost, as an open leg behind its close leg, must still be young enough
      when that order's fate is known. Else nothing is wanted again before the next bar, so it matters where that comes
      later.

    interval_s: from bar to bar; 0 where each trade is a tick.

    >>> from shared.config import Settings
    >>> plain = Settings()
    >>> list(misfits(plain.strategy, plain.gateway, 43_200))
    []
    >>> early = plain.strategy.model_copy(update={"order_valid_s": 8, "prediction_stale_s": 8})
    >>> [said.partition(":")[0] for said in misfits(early, plain.gateway, 43_200)]
    ['strategy.order_valid_s is 8 s', 'strategy.prediction_stale_s is 8 s']
    >>> list(misfits(early, plain.gateway, 1))
    []
    """
    valid_s, stale_s = strategy.order_valid_s, strategy.prediction_stale_s
    request_s, final_s = gateway.request_validity_ms / MS, (gateway.request_validity_ms + gateway.grace_ms) / MS
    if request_s > valid_s:
        yield (
            f"strategy.order_valid_s is {valid_s:g} s, and gateway.request_validity_ms lets the exchange take an order "
            f"for {request_s:g} s: set the second to {valid_s * MS:.0f} or less"
        )
    ages = {
        "strategy.order_valid_s": valid_s,
        "gateway.risk.max_prediction_age_s": gateway.risk.max_prediction_age_s,
        "gateway.risk.max_tick_age_s": gateway.risk.max_tick_age_s,
    }
    for name, age_s in ages.items():
        if stale_s > age_s:
            yield (
                f"strategy.prediction_stale_s is {stale_s:g} s, and {name} {age_s:g} s: a prediction that waited "
                f"longer could only give an order that is too old: set the first to {age_s:g} or less"
            )
    unknown_s = max(gateway.timeout_s, final_s)
    for name, age_s in (ages | {"strategy.prediction_stale_s": stale_s}).items():
        if age_s <= unknown_s and age_s < interval_s:
            yield (
                f"{name} is {age_s:g} s: an order may be unknown for {unknown_s:g} s (gateway.timeout_s "
                f"{gateway.timeout_s:g}, request_validity_ms and grace_ms {final_s:g} s), and what waits behind it "
                f"would be too old then, and wanted again after {interval_s:g} s only: make it longer than "
                f"{unknown_s:g} s, or those shorter"
            )
