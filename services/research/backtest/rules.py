"""What a backtest's venue does beyond filling each order at its decision price."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Rules(BaseModel):
    """The defaults are what the live paper venue does.

    fill: `decision`, at the decision price; `next_open`, at the next bar's open (in a file with a price alone: at the
    next price), and EXPIRED where there is no next one. maintenance_margin: positions are isolated and liquidated at
    this margin rate; None: never. funding: a CSV or Parquet file `datetime, rate`; None: no funding.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    fill: Literal["decision", "next_open"] = "decision"
    maintenance_margin: Annotated[Decimal, Field(ge=0, lt=1)] | None = None
    funding: Path | None = None

    @property
    def as_paper(self) -> bool:
        """Whether the gateway's own paper venue does all of it."""
        return self.fill == "decision" and self.maintenance_margin is None and self.funding is None
