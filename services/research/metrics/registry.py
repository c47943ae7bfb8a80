"""One entry declares a metric: its name, how it is computed, and how a table shows it."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from services.research.metrics.observer import Measured
    from services.research.metrics.sums import TripSums

T = TypeVar("T")


@dataclass(frozen=True)
class Metric:
    """A metric is an entry of the registry: a field of a `MetricSection`, whose name is the one in the JSON.

    - of: computes the value out of what was measured; None where it is not defined.
    - label: the row's, in the terminal and on the HTML page; "" where only the JSON has the metric.
    - form: makes the row's cell of the value, or of the whole section where `whole`.
    - above: the field above whose row this one stands, where the table's order is not the JSON's.
    - only: of a part of `Results`, the fields that are shown; all of them by default.
    """

    of: Callable[[Any], object]
    label: str = ""
    form: Callable[[Any], str] = str
    whole: bool = False
    above: str = ""
    only: Collection[str] = ()

    def __call__(self, schema: dict[str, Any]) -> None:
        """Names the metric in a JSON schema, as pydantic asks for it."""
        if self.label:
            schema["title"] = self.label

    def cell(self, section: "MetricSection", name: str) -> str:
        """Returns the text of field `name` of a section."""
        return self.form(section if self.whole else getattr(section, name))


class MetricSection(BaseModel):
    """A section holds some metrics, each with its value and its entry. It is frozen, and every float is finite.

    A value that is not defined is None: no trades, no variance, one bar, ruin.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def of(cls, measured: object) -> Self:
        """Computes every metric of the section."""
        values = {name: entry.of(measured) for name, entry in cls.entries()}
        return cls(**{name: value for name, value in values.items() if value is not None})

    @classmethod
    def entries(cls) -> Iterator[tuple[str, Metric]]:
        """Returns the metrics by name, in the order of the JSON."""
        for name, field in cls.model_fields.items():
            if isinstance(field.json_schema_extra, Metric):
                yield name, field.json_schema_extra

    @classmethod
    def shown(cls) -> list[tuple[str, Metric]]:
        """Returns those that have a label, in the order of the table."""
        found: list[tuple[str, Metric]] = []
        for name, entry in cls.entries():
            if entry.label:
                at = [known for known, _ in found].index(entry.above) if entry.above else len(found)
                found.insert(at, (name, entry))
        return found


def metric(
    label: str,
    form: Callable[[T | None], str],
    of: Callable[[Any], T | None],
    default: T | None = None,
    above: str = "",
) -> Any:
    """Declares a metric with a row of its own, of what its section is computed of.

    - default: the value of a backtest without bars.
    """
    return Field(default=default, json_schema_extra=Metric(of, label, form, above=above))


def trip_metric(label: str, form: Callable[[T | None], str], of: Callable[["TripSums"], T | None]) -> Any:
    """Declares a metric of round trips, of all of them and of each side."""
    return Field(default=None, json_schema_extra=Metric(of, label, form))


def joint_row(label: str, form: Callable[[Any], str], of: Callable[[Any], object], default: object = None) -> Any:
    """Declares a metric whose row tells other metrics of its section, too. form: makes the cell of the section."""
    return Field(default=default, json_schema_extra=Metric(of, label, form, whole=True))


def stored(of: Callable[[Any], object], default: object = None) -> Any:
    """Declares a metric that stands in the JSON and in no row of its own."""
    return Field(default=default, json_schema_extra=Metric(of))


def part(
    title: str, of: Callable[["Measured"], MetricSection | None], above: str = "", only: Collection[str] = ()
) -> Any:
    """Declares a section of `Results`. Sections of one title share it in the table."""
    return Field(default=None, json_schema_extra=Metric(of, title, above=above, only=only))
