"""`tickline config show`: all settings as a person reads them, and where each comes from. No secret is shown."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import typer
from pydantic import BaseModel, SecretStr

from services.console.output import AsJson, json_text
from services.console.output import show as show_lines
from shared.bus.connection import without_password
from shared.config import Settings, load_settings
from shared.config.gateway import SECRETS
from shared.config.settings import PREFIX, config_path, file_values

config = typer.Typer(no_args_is_help=True, help="What the line would run with.")


@config.callback()
def _config() -> None:
    """What the line would run with."""


@config.command()
def show(as_json: AsJson = False) -> None:
    """Show all settings and where each comes from; keys and passwords are hidden."""
    settings = load_settings()
    show_lines([json_text(config_json(settings))] if as_json else config_lines(settings))


DEFAULT, VARIABLE, FILE = "default", "variable", "file"
VENUES = ("ingestor", "venues")
KEYS_DIR = ("gateway", "keys_dir")
Keys: TypeAlias = tuple[str, ...]
_HEADER = re.compile(r"\s*\[\[?\s*([^][]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"\s*([\w.\"' -]+?)\s*=")
HIDDEN = "********"
OTHERS = re.compile(
    r"(?P<scheme>postgresql(?:\+\w+)?|sqlite|https?)://(?:(?:[^/?#@]*@)?(?P<place>[^@?#\s]*)(?:\?[^#@]*)?|.*)"
)


def config_lines(settings: Settings) -> Iterator[str]:
    """Yields a line for each setting, e.g. `gateway.fee = 0.0003  (default)`, or `(tickline.toml:12)`."""
    origins = Origins()
    for path, value in _leaves(settings, ()):
        origin = origins.of(path)
        shown = HIDDEN if _in_a_file(path, origin) else _shown(value)
        yield f"{'.'.join(path)} = {shown}  ({origin})"


def config_json(settings: Settings) -> dict[str, Any]:
    """Returns the same as JSON: of each setting its value, and the kind, the name and the line of its origin."""
    origins = Origins()
    told = {}
    for path, value in _leaves(settings, ()):
        origin = origins.of(path)
        told[".".join(path)] = {"value": HIDDEN if _in_a_file(path, origin) else _value(value), "origin": origin}
    return told


def _in_a_file(path: Keys, origin: "SettingOrigin") -> bool:
    """Says whether it is a key that only the gateway reads, from its file."""
    return path[:-1] == KEYS_DIR[:1] and path[-1] in SECRETS and origin.kind == FILE


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
    shown = _value(value)
    return HIDDEN if shown == HIDDEN else json.dumps(shown, default=str, ensure_ascii=False)


def _value(value: object) -> Any:
    if isinstance(value, SecretStr):
        return HIDDEN if value.get_secret_value() else ""
    return _address(value) if isinstance(value, str) and "://" in value else value


def _address(url: str) -> str:
    """Returns an address of a bus, a journal or an exchange; of one that reads in two ways only how it begins.

    >>> _address("postgresql://me:hush@db/tickline?password=hush"), _address("postgresql://me:hu@sh@db/tickline")
    ('postgresql://db/tickline', 'postgresql://...')
    """
    found = OTHERS.fullmatch(url)
    if found is None:
        return without_password(url)
    return f"{found['scheme']}://{found['place']}" if found["place"] is not None else f"{found['scheme']}://..."


class SettingOrigin(NamedTuple):
    """An origin is `default`, `variable` or `file`.

    - name: the variable's or the file's.
    - line: of the file, 0: unknown.

    >>> str(SettingOrigin("file", "tickline.toml", 3)), str(SettingOrigin("default"))
    ('tickline.toml:3', 'default')
    """

    kind: str
    name: str = ""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.name}:{self.line}" if self.line else self.name or self.kind


class Origins:
    """Origins know the config file and the variables as they are now. Raises ConfigError for a file that is none."""

    def __init__(self) -> None:
        self._path = config_path()
        self._written = file_values()
        text = "" if self._path is None else self._path.read_bytes().decode("utf-8-sig")
        self._lines = text.splitlines()
        self._variables = {name.upper(): name for name in sorted(os.environ)}  # settings are read in either case

    def of(self, path: Keys) -> SettingOrigin:
        """Returns where the value at a path comes from."""
        name = PREFIX + "__".join(path).upper()
        for known, written in self._variables.items():
            if known == name or known.startswith(f"{name}__"):
                return SettingOrigin(VARIABLE, written)
        for depth in range(1, len(path)):
            section = self._variables.get(PREFIX + "__".join(path[:depth]).upper())
            if section is not None and _holds(json.loads(os.environ[section]), path[depth:]):
                return SettingOrigin(VARIABLE, section)
        if _holds(self._written, path):
            return SettingOrigin(FILE, str(self._path), line_of(self._lines, path))
        if path[:-1] == KEYS_DIR[:1] and path[-1] in SECRETS:
            return self._of_key(path[-1])
        # What a venue does not say itself stands in [ingestor].
        common = path[:2] == VENUES and path[3:]
        return self.of((path[0], *path[3:])) if common else SettingOrigin(DEFAULT)

    def _of_key(self, name: str) -> SettingOrigin:
        """Returns where the gateway reads a key: in a file of `gateway.keys_dir`, where the config names one."""
        folder = os.environ.get(f"{PREFIX}GATEWAY__KEYS_DIR")
        gateway = self._written.get("gateway")
        if folder is None and isinstance(gateway, Mapping):
            folder = gateway.get("keys_dir")
        file = None if folder is None else Path(str(folder)) / name
        return SettingOrigin(FILE, str(file)) if file is not None and file.exists() else SettingOrigin(DEFAULT)


def line_of(lines: Sequence[str], path: Keys) -> int:
    """Returns the line, from 1, of a TOML file on which a value begins; 0 where it is not found.

    >>> text = ["interval = '1m'", "[gateway]", "fee = 0", "risk.daily_loss = 5", "markets = {A = 'A/U'}"]
    >>> [line_of(text, path) for path in (("interval",), ("gateway", "fee"), ("gateway", "markets", "A"))]
    [1, 3, 5]
    >>> line_of(["[strategy]", "name = 'threshold'", "[[strategy.wrappers]]"], ("strategy", "wrappers"))
    3
    """
    table: Keys = ()
    best, found = 0, 0
    for number, line in enumerate(lines, 1):
        if header := _HEADER.match(line):
            table = _parts(header[1])
            here = table
        elif key := _KEY.match(line):
            here = (*table, *_parts(key[1]))
        else:
            continue
        if here and len(here) > best and here == path[: len(here)]:
            best, found = len(here), number
    return found


def _parts(text: str) -> Keys:
    return tuple(part.strip().strip("\"'") for part in text.split("."))


def _holds(values: object, path: Keys) -> bool:
    for name in path:
        if not isinstance(values, Mapping) or name not in values:
            return False
        values = values[name]
    return True
