"""The strategy's settings say who decides, with which capital, and at which prices its orders may be filled."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from shared.config.section import Instance, Positive, PositiveMoney, Section

NO_LIMIT = "none"
BPS = 10_000


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
