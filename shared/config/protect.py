"""The protection says where the stops of a position lie, and what may come after one has fired."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from shared.config.gateway import GatewaySettings, Mode
from shared.config.section import Positive, Section
from shared.messages.protect import ProtectTerms
from shared.messages.reasons import StopKind

if TYPE_CHECKING:
    from shared.config.strategy import StrategySettings

BPS = 10_000
WEEK = 10_080  # minutes
DISTANCES = ("stop_bps", "take_profit_bps", "trail_bps")


def _distance(value: object) -> object:
    """Returns basis points; raises ValueError for what is no distance from a price."""
    try:
        bps = Decimal(str(value))
    except InvalidOperation:
        bps = Decimal("NaN")
    if not bps.is_finite() or not 0 < bps < BPS:
        raise ValueError(f"it is a number of basis points, above 0 and below {BPS}")
    return bps


def _after(value: object) -> object:
    """Returns next_bar, flip, or whole minutes; raises ValueError for anything else."""
    text = str(value)
    if text in ("next_bar", "flip"):
        return text
    if isinstance(value, bool) or not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= WEEK:
        raise ValueError(f'it is "next_bar", "flip", or a whole number of minutes up to {WEEK}')
    return int(text)


Distance = Annotated[Decimal, BeforeValidator(_distance)]
AfterStop = Annotated[Literal["next_bar", "flip"] | int, BeforeValidator(_after)]


class ProtectSettings(Section):
    """These settings protect each position; without a distance there is no stop.

    The distances are basis points of the decision price of the order that opened the position:

    - stop_bps: it is closed where the price has gone so far against it.
    - take_profit_bps: it is closed where the price has gone so far with it.
    - trail_bps: it is closed where the price has come back so far from its best. A live exchange without trailing stops
      of its own is refused.

    What comes after one has fired, and what holds where real orders are sent:

    - after_stop: nothing enters until the next bar (next_bar), until the strategy has wanted the other side (flip), or
      for so many minutes.
    - spot: no stop lies on a spot market (off). One that is cancelled before a close is sent (cancel_first) is refused:
      docs/stops.md says what it takes.
    - margin_bps: no stop lies nearer to the liquidation price than this, or beyond it.
    - naked_s: how long a position may be without its stop, where the exchange takes it only after the fill.
    - trigger_s: how long a stop may be triggered and no order of it be known; then the position is closed at market.
    """

    stop_bps: Distance | None = None
    take_profit_bps: Distance | None = None
    trail_bps: Distance | None = None
    after_stop: AfterStop = "next_bar"
    spot: Literal["off", "cancel_first"] = "off"
    margin_bps: Annotated[Decimal, Field(ge=0, lt=BPS, allow_inf_nan=False)] = Decimal(100)
    naked_s: Positive = 5.0
    trigger_s: Positive = 10.0

    @model_validator(mode="after")
    def _protects(self) -> "ProtectSettings":
        changed = [name for name, field in type(self).model_fields.items() if getattr(self, name) != field.default]
        if self.spot == "cancel_first":
            raise ValueError("spot = cancel_first is not built: no stop lies on a spot market; leave it off")
        if self.terms is None and changed:
            distances = f"{', '.join(DISTANCES[:-1])} or {DISTANCES[-1]}"
            raise ValueError(f"{changed[0]} is set, but no distance: give {distances}")
        return self

    @property
    def terms(self) -> ProtectTerms | None:
        """Returns the distances; None where nothing is protected.

        >>> ProtectSettings().terms, ProtectSettings(stop_bps=250).terms.stop_bps
        (None, Decimal('250'))
        """
        if self.stop_bps is self.take_profit_bps is self.trail_bps is None:
            return None
        return ProtectTerms(stop_bps=self.stop_bps, take_profit_bps=self.take_profit_bps, trail_bps=self.trail_bps)

    def deciding(self) -> dict[str, Any]:
        """Returns, as JSON, what a strategy decides by: the distances that are set, and what comes after a stop.

        >>> ProtectSettings(stop_bps=250).deciding()
        {'stop_bps': '250', 'after_stop': 'next_bar'}
        """
        return self.model_dump(mode="json", include={*DISTANCES, "after_stop"}, exclude_none=True)


def protect_misfits(strategy: "StrategySettings", gateway: GatewaySettings) -> Iterator[str]:
    """Yields what makes a protection impossible, each with its remedy.

    - An entry may be filled as far from the decision price as its limit lies; a take-profit that is nearer would fire
      at once, at a loss.
    - At the account's leverage the exchange liquidates a position before a stop fires that lies too far away.

    >>> from shared.config import Settings
    >>> plain = Settings()
    >>> near = plain.strategy.model_copy(update={"protect": ProtectSettings(take_profit_bps=50)})
    >>> [said.partition(":")[0] for said in protect_misfits(near, plain.gateway)]
    ['strategy.protect.take_profit_bps is 50, and an entry may be filled 50 bps from the price that it counts from']
    """
    own, limit_bps = strategy.protect, strategy.limit_bps
    terms = own.terms
    if terms is None:
        return
    profit_bps = terms.take_profit_bps
    if profit_bps is not None and limit_bps is not None and profit_bps <= limit_bps:
        yield (
            f"strategy.protect.take_profit_bps is {profit_bps:f}, and an entry may be filled {limit_bps:f} bps from "
            "the price that it counts from: make it larger, or strategy.max_slippage_bps smaller"
        )
    if gateway.mode is Mode.PAPER:
        return
    room_bps = BPS / Decimal(gateway.leverage) - own.margin_bps
    for kind in (StopKind.STOP, StopKind.TRAIL):
        bps = terms.distance(kind)
        if bps is not None and bps >= room_bps:
            yield (
                f"strategy.protect.{kind}_bps is {bps:f}, and at gateway.leverage {gateway.leverage} the exchange "
                f"liquidates within {BPS / Decimal(gateway.leverage):.0f} bps, less protect.margin_bps "
                f"{own.margin_bps:f}: make it less than {max(room_bps, Decimal(0)):.0f}, or the leverage lower"
            )
