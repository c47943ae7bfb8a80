"""A metric of one's own: one entry, and it is in the JSON, in the table and on the page."""

from services.research.metrics import Metrics, Results, table
from services.research.metrics.formats import count
from services.research.metrics.metrics import RiskMetrics
from services.research.metrics.registry import MetricSection, metric, part
from services.research.metrics.table import sections
from services.research.report import Curve, html_report
from tests.unit.research.metrics.booked import totals
from tests.unit.research.metrics.series import values_of
from tests.unit.research.metrics.test_metrics import marked


class OwnRisk(RiskMetrics):
    """Risk, with a metric more."""

    marks: int = metric("bars seen", count, lambda m: m.bars)


class OwnResults(Results):
    """All metrics, with one more."""

    risk: OwnRisk = part("Risk", OwnRisk.of)


def test_an_entry_is_all_that_a_metric_needs() -> None:
    measured = marked(Metrics("12h", 100.0), values_of([0, 1, 2])).measured(totals())
    results = OwnResults.of(measured)
    assert results.model_dump()["risk"]["marks"] == 3
    assert ["bars", "seen", "3"] in [line.split() for line in table({"": results})]
    assert ("bars seen", ["3", "3"]) in dict(sections({"one": results, "other": results}))["Risk"]
    page = html_report(title="", results={"one": results}, curves={"one": Curve(100.0)}, settings={})
    assert '<th scope="row">bars seen</th><td>3</td>' in page


def test_every_entry_has_a_name_of_its_own_in_its_part_of_the_table() -> None:
    parts: dict[str, list[str]] = {}
    for name, entry in Results.shown():
        kind = Results.model_fields[name].annotation
        rows = kind.shown() if isinstance(kind, type) and issubclass(kind, MetricSection) else []
        parts.setdefault(entry.label, []).extend(row.label for _, row in rows)
    assert [*parts][:4] == ["Period", "Return", "Buy and hold, no costs", "Verdict, out of sample"]
    assert all(len(labels) == len(set(labels)) for labels in parts.values())


def test_a_schema_names_the_metrics_as_the_tables_do() -> None:
    assert RiskMetrics.model_json_schema()["properties"]["calmar"]["title"] == "Calmar"
