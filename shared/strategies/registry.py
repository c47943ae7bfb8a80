"""The registry names the strategies as configs do. To add one: its file, and its line here."""

from collections.abc import Mapping

from pydantic import ValidationError

from shared.registry import Registry
from shared.strategies.decider import Decider

STRATEGIES = Registry[type[Decider]](
    {
        "basic_taker": "shared.strategies.basic_taker:BasicTaker",
        "threshold": "shared.strategies.threshold:Threshold",
    }
)


def make_decider(name: str, params: Mapping[str, object]) -> Decider:
    """Returns a strategy with its parameters; raises ValueError, in one line, for a wrong name or parameter.

    >>> make_decider("basic_taker", {"netting": True})
    BasicTaker(leverage=Decimal('1'), netting=True, sizing='compounding', fraction=Decimal('1'))
    """
    kind = STRATEGIES.get(name)
    if kind is None:
        raise ValueError(f"strategy {name!r:.60} is unknown; there are: {', '.join(STRATEGIES)}")
    try:
        return kind.model_validate(dict(params))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        known = ", ".join(kind.model_fields)
        which = f", parameter {where!r:.60}" if where else ""
        raise ValueError(f"strategy {name}{which}: {first['msg']} (it has: {known})") from error
