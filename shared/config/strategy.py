"""The strategy's settings say who decides, with which capital, and at which prices its orders may be filled.

The times of a live account are held against each other: none may make another one void.
"""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from shared.config.protect import ProtectSettings
from shared.config.section import Instance, Positive, PositiveMoney, Section

if TYPE_CHECKING:
    from shared.config.gateway import GatewaySettings

NO_LIMIT = "none"
BPS, MS_PER_S = 10_000, 1_000


def _bps(value: object) -> object:
    """Returns basis points, or NO_LIMIT; raises ValueError for anything else."""
    if value == NO_LIMIT:
        return value
    try:
        bps = Decimal(str(value))
    except InvalidOperation:
        bps = Decimal("NaN")
    if not bps.is_finite() or not 0 <= bps < BPS:
        raise ValueError(f'it is a number of basis points, from 0 to below {BPS}, or "{NO_LIMIT}"')
    return bps


MaxSlippage = Annotated[Decimal | Literal["none"], BeforeValidator(_bps)]


class StrategySettings(Section):
    """These settings configure the strategy service.

    - name, params: the strategy and its own parameters (leverage, netting, threshold ...).
    - wrappers: what is around it, each a table of a name and its parameters; a later one is around the earlier ones.
    - balance: of each symbol's book, quote units.
    - qty_step: targets and changes of a position are rounded toward zero to multiples of it, base units. qty_steps: of
      single symbols, instead.
    - max_slippage_bps: an order that adds takes no price that is farther from the decision price, whoever fills it;
      what cannot be had at once within it is canceled. `none`: it takes any price. 50 is what NautilusTrader gives
      market orders where an exchange has none, what Uniswap gives swaps, and risk.collar_bps here.
    - reduce: an order that only reduces takes any price (market), or is bound likewise (ioc) and may miss.
    - protect: the stops of each position.

    In testnet and live, where orders take time:

    - order_valid_s: how long after its tick an order may be sent.
    - prediction_stale_s: how old a prediction may be that waited for orders in flight.
    - on_missing: a missing prediction closes the position (flat) or keeps it (hold).
    """

    instance: Instance = "strategy"
    order_valid_s: Positive = 30.0
    prediction_stale_s: Positive = 30.0
    on_missing: Literal["flat", "hold"] = "flat"
    max_slippage_bps: MaxSlippage = Decimal(50)
    reduce: Literal["market", "ioc"] = "market"
    protect: ProtectSettings = ProtectSettings()
    name: str = "basic_taker"
    params: dict[str, JsonValue] = Field(default_factory=dict)
    wrappers: tuple[dict[str, JsonValue], ...] = ()
    qty_step: PositiveMoney | None = None
    qty_steps: dict[str, PositiveMoney] = Field(default_factory=dict)
    balance: Annotated[Decimal, Field(gt=0, allow_inf_nan=False)] = Decimal(100)

    @model_validator(mode="after")
    def _bounds_fit(self) -> "StrategySettings":
        if self.reduce == "ioc" and self.limit_bps is None:
            raise ValueError(f'reduce = "ioc" takes its limit from max_slippage_bps, which is "{NO_LIMIT}": set one')
        return self

    @property
    def limit_bps(self) -> Decimal | None:
        """Returns max_slippage_bps, or None where there is no limit."""
        return self.max_slippage_bps if isinstance(self.max_slippage_bps, Decimal) else None

    def step_of(self, sym: str) -> Decimal | None:
        """Returns the step of a symbol's quantities, or None."""
        return self.qty_steps.get(sym, self.qty_step)


def misfits(strategy: StrategySettings, gateway: "GatewaySettings", interval_s: float) -> Iterator[str]:
    """Yields what does not fit, each with its remedy; on paper nothing takes time.

    - The exchange must not take a request when the order behind it is no longer valid.
    - A prediction that waited, and is not stale, must not give an order that is too old when it is born.
    - What waits behind an order whose answer was lost, as an open leg behind its close leg, must still be young enough
      when that order's fate is known. Else nothing is wanted again before the next bar, so it matters where that comes
      later.

    - interval_s: from bar to bar; 0 where each trade is a tick.

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
    request_s = gateway.request_validity_ms / MS_PER_S
    final_s = request_s + gateway.grace_ms / MS_PER_S
    if request_s > valid_s:
        yield (
            f"strategy.order_valid_s is {valid_s:g} s, and gateway.request_validity_ms lets the exchange take an order "
            f"for {request_s:g} s: set the second to {valid_s * MS_PER_S:.0f} or less"
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
