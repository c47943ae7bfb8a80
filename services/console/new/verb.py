"""`tickline new strategy|feature|model NAME` writes a file that runs, with its test, for a user to change."""

import keyword
from enum import StrEnum
from importlib import resources
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from shared.config import load_settings
from shared.errors import ConfigError
from shared.user_code.sources import INNER, installed


class NewFile(StrEnum):
    """A new file can be one of these."""

    STRATEGY = "strategy"
    FEATURE = "feature"
    MODEL = "model"


NEXT = {
    NewFile.STRATEGY: "tickline backtest --data FILE --sym SYMBOL --model none --strategy {spec}",
    NewFile.FEATURE: 'tickline train --data FILE --sym SYMBOL --features "{spec}(20)"',
    NewFile.MODEL: "tickline train --data FILE --sym SYMBOL --class {spec}",
}


def new(
    kind: Annotated[NewFile, typer.Argument(help="What it is.")],
    name: Annotated[str, typer.Argument(help="The file's name, in small letters, e.g. my_idea.")],
    folder: Annotated[
        Path | None, typer.Option(help="Where it is written; the config's folder, or its user_code, by default.")
    ] = None,
) -> None:
    """Write a strategy, a feature or a model to begin with, and its test. Overwrites nothing."""
    place = load_settings().code_folder if folder is None else folder
    stem = name.removesuffix(".py")
    _check(stem, place)
    spec = f"{stem}.py:{class_name(stem)}"
    written = write(kind, stem, place)
    typer.echo(f"wrote {' and '.join(map(str, written))}; try them:")
    typer.echo(f"    python -m pytest {written[-1]}")
    typer.echo(f"    {NEXT[kind].format(spec=spec)}")


def write(kind: NewFile, stem: str, folder: Path) -> tuple[Path, Path]:
    """Writes the file and its test; returns their paths. Raises ConfigError, with nothing written, if one is there."""
    files = (folder / f"{stem}.py", folder / f"test_{stem}.py")
    if there := [str(file) for file in files if file.exists()]:
        raise ConfigError(f"{there[0]} is there, and nothing was overwritten: take another name")
    names = {"name": stem, "Name": class_name(stem)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, template in zip(files, (f"{kind}.txt", f"{kind}_test.txt"), strict=True):
            text = resources.files(__package__).joinpath(template).read_text(encoding="utf-8")
            with file.open("x", encoding="utf-8") as out:
                out.write(Template(text).substitute(names))
    except OSError as error:
        raise ConfigError(f"{error.filename} cannot be written: {error.strerror}") from error
    return files


def class_name(stem: str) -> str:
    """Returns the name of a file's class.

    >>> class_name("my_2nd_idea")
    'My2ndIdea'
    """
    return "".join(part[:1].upper() + part[1:] for part in stem.split("_"))


def _check(stem: str, folder: Path) -> None:
    """Raises ConfigError for a name that no module should have."""
    if not stem.isidentifier() or keyword.iskeyword(stem) or stem != stem.lower() or not stem.strip("_"):
        raise ConfigError(f"{stem!r:.60}: a file's name has small letters, digits and _, e.g. my_idea")
    if stem in INNER or (other := installed(stem, folder.resolve())):
        other = "Tickline" if stem in INNER else other
        raise ConfigError(f"{stem}.py would have the same name as a module of {other}: take another name")
