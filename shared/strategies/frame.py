"""Round trips as a table."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from shared.account import RoundTrip
from shared.errors import ConfigError
from shared.extras import to_install

if TYPE_CHECKING:
    import polars


def frame(trips: Iterable[RoundTrip]) -> "polars.DataFrame":
    """One row per round trip, its fields as columns.

    Times are Datetime("ns", "UTC"), dir_signal is Int8; prices, quantities and money become Float64 here, exact as they
    are in the round trips. Raises ConfigError without polars.
    """
    try:
        import polars
    except ImportError as error:
        raise ConfigError(f"a table of round trips needs polars: {to_install('research')}") from error
    time = polars.Datetime("ns", "UTC")
    kinds = {"datetime": time, "exit_datetime": time, "sym": polars.String(), "dir_signal": polars.Int8()}
    schema = {name: kinds.get(name, polars.Float64()) for name in RoundTrip._fields}
    return polars.DataFrame(list(trips), schema=schema, orient="row")
