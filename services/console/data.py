"""`tickline data check` says what a file of prices holds."""

from pathlib import Path
from typing import Annotated

import typer

from services.console.options import Timezone
from services.console.progress import RowProgress
from shared.errors import DataError

data = typer.Typer(no_args_is_help=True, help="Look at files of prices.")


@data.callback()
def group() -> None:
    """Look at files of prices."""


@data.command()
def check(
    file: Annotated[Path, typer.Argument(help="A CSV or Parquet file, or a folder that `download` has filled.")],
    interval: Annotated[
        str | None, typer.Option(help="Time between two bars, e.g. 12h; the file's most frequent by default.")
    ] = None,
    timezone: Timezone = None,
) -> None:
    """Say what a file holds: rows, times, interval, gaps, duplicates, and each row that cannot be used."""
    from services.research.file_check import check_file, check_folder

    if file.is_dir():
        checked = check_folder(file)
    else:
        with RowProgress(file) as progress:
            checked = check_file(file, interval, progress.report, timezone or "")
    for line in checked.lines:
        typer.echo(line)
    if checked.fault is not None:
        raise DataError(checked.fault)
