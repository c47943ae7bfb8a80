"""A DataFrame stands wherever a price file's path does: it is read as the CSV file that it makes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias, Union

from shared.errors import DataError, TicklineError

if TYPE_CHECKING:
    import pandas
    import polars

PriceData: TypeAlias = Union[str, Path, "polars.DataFrame", "pandas.DataFrame"]
NAME = "DataFrame.csv"  # as which its rows are named: row 1 is the header, row 2 the first of the table


@contextmanager
def price_file(data: PriceData) -> Iterator[Path]:
    """Yields the path of a price file, or of one that is made of a DataFrame and lives as long as the context.

    Times, prices and amounts keep all their digits. Of pandas the index counts as a column where it holds times. An
    error that names a row of the table calls it DataFrame.csv. Raises DataError for anything else.

    >>> import polars
    >>> with price_file(polars.DataFrame({"datetime": ["2024-10-29"], "price": [0.1]})) as path:
    ...     print(path.name, path.read_text().split())
    DataFrame.csv ['datetime,price', '2024-10-29,0.1']
    """
    if isinstance(data, str | Path):
        yield Path(data)
        return
    with TemporaryDirectory(prefix="tickline-") as folder:
        path = Path(folder) / NAME
        _write(data, path)
        try:
            yield path
        except TicklineError as error:
            raise type(error)(str(error).replace(str(path), NAME)) from error


def _write(table: "polars.DataFrame | pandas.DataFrame", path: Path) -> None:
    # Neither library is imported for this: who passes a table has loaded its own.
    kind = type(table)
    library, name = kind.__module__.partition(".")[0], kind.__name__
    if (library, name) == ("polars", "DataFrame"):
        table.write_csv(path)
    elif (library, name) == ("pandas", "DataFrame"):
        table.to_csv(path, index=table.index.dtype.kind == "M" or table.index.name is not None)  # type: ignore[union-attr]
    else:
        more = " (call its collect() first)" if name == "LazyFrame" else ""
        taken = "a path of a CSV or Parquet file, or a DataFrame of polars or pandas"
        raise DataError(f"prices are {taken}, not {library}.{name}{more}")
