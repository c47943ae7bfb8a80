"""Every part of the config builds on these types."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
PositiveMoney = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Instance = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,60}$")]


class Section(BaseModel):
    """A section is a part of the config; it refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)
