"""What a folder of `tickline download` holds and lacks."""

from pathlib import Path

from services.research.check.price_file import Checked
from shared.errors import DataError
from shared.plural import plural


def check_folder(folder: Path) -> Checked:
    """Read the months of one download from end to end; raises DataError where they are not of one, or damaged."""
    from services.research.download.check import checked
    from services.research.download.month_file import about  # pyarrow

    found = [(path, said) for path in sorted(folder.glob("*.parquet")) if (said := about(path)) is not None]
    if not found:
        raise DataError(f"{folder}: has no month's file of `tickline download`: pass such a folder, or one file")
    paths, months = zip(*found, strict=True)
    if len({said.origin for said in months}) > 1:
        raise DataError(f"{folder}: its files are of several downloads: pass a folder of one")
    first, last = months[0], months[-1]
    lines = checked(first.origin, list(paths), first.start_ms, last.end_ms)
    return Checked([f"{first.origin}: {plural(len(paths), 'month')}", *lines], None)
