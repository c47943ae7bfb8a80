"""`tickline config show`: all settings as a person reads them, and where each comes from. No secret is shown."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import typer
from pydantic import BaseModel, SecretStr

from shared.bus.connection import without_password
from shared.config import Settings, load_settings
from shared.config.settings import PREFIX, file_values

config = typer.Typer(no_args_is_help=True, help="What the line would run with.")


@config.callback()
def _config() -> None:
    """What the line would run with."""


@config.command()
def show() -> None:
    """Show all settings and where each comes from; keys and passwords are hidden."""
    for line in config_lines(load_settings()):
        typer.echo(line)


HIDDEN = "********"
OTHERS = re.compile(
    r"(?P<scheme>postgresql(?:\+\w+)?|sqlite|https?)://(?:(?:[^/?#@]*@)?(?P<place>[^@?#\s]*)(?:\?[^#@]*)?|.*)"
)
DEFAULT, VARIABLE, FILE = "default", "variable", "file"
VENUES = ("ingestor", "venues")
Keys: TypeAlias = tuple[str, ...]


def config_lines(settings: Settings) -> Iterator[str]:
    """Yields a line for each setting, e.g. `gateway.fee = 0.0003  (default)`."""
    written = file_values()
    for path, value in _leaves(settings, ()):
        yield f"{'.'.join(path)} = {_shown(value)}  ({_origin(path, written)})"


def _leaves(part: BaseModel | Mapping[str, object], path: Keys) -> Iterator[tuple[Keys, object]]:
    values = part if isinstance(part, Mapping) else {name: getattr(part, name) for name in type(part).model_fields}
    for name, value in values.items():
        if isinstance(value, BaseModel) or (isinstance(value, Mapping) and _are_models(value)):
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name), value


def _are_models(values: Mapping[str, object]) -> bool:
    return any(isinstance(value, BaseModel) for value in values.values())


def _shown(value: object) -> str:
    """Returns a value as JSON, addresses without the user and password in them.

    >>> _shown(SecretStr("hush")), _shown("redis://me:hush@bus/0"), _shown(("A", "B"))
    ('********', '"redis://bus/0"', '["A", "B"]')
    """
    if isinstance(value, SecretStr):
        return HIDDEN if value.get_secret_value() else '""'
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, str) and "://" in value:
        value = _address(value)
    return json.dumps(value, default=str, ensure_ascii=False)


def _address(url: str) -> str:
    """Returns an address of a bus, a journal or an exchange; of one that reads in two ways only how it begins.

    >>> _address("postgresql://me:hush@db/tickline?password=hush"), _address("postgresql://me:hu@sh@db/tickline")
    ('postgresql://db/tickline', 'postgresql://...')
    """
    found = OTHERS.fullmatch(url)
    if found is None:
        return without_password(url)
    return f"{found['scheme']}://{found['place']}" if found["place"] is not None else f"{found['scheme']}://..."


def _origin(path: Keys, written: Mapping[str, object]) -> str:
    name = PREFIX + "__".join(path).upper()
    if any(known == name or known.startswith(f"{name}__") for known in os.environ):
        return VARIABLE
    for depth in range(1, len(path)):
        section = os.environ.get(PREFIX + "__".join(path[:depth]).upper())
        if section is not None and _holds(json.loads(section), path[depth:]):
            return VARIABLE
    if _holds(written, path):
        return FILE
    # What a venue does not say itself stands in [ingestor].
    return _origin((path[0], *path[3:]), written) if path[:2] == VENUES and path[3:] else DEFAULT


def _holds(values: object, path: Keys) -> bool:
    for name in path:
        if not isinstance(values, Mapping) or name not in values:
            return False
        values = values[name]
    return True
