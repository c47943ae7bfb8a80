"""The verbs that stop an account read what they need from a config that does not load; nothing else may use this.

They need the account's name, exchange, keys and journal. Every other setting may be wrong. Where one of these is wrong,
it is left out and named. `salvage` reads the file line by line where it is no TOML as a whole, puts the variables over
its values, and keeps what is valid by itself.
"""

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from shared.config.gateway import SECRETS, GatewaySettings
from shared.config.section import Section
from shared.config.settings import PREFIX, config_path
from shared.config.strategy import StrategySettings
from shared.errors import ConfigError

MOST_LINES = 60  # of one value in a file that is no TOML as a whole
STATE_DIR = Path(".tickline")
WHERE = {"mode", "venue", "account", "exchange", "fake_url", "allow_unlisted", "markets", "keys_dir", "journal"}
GATEWAY = frozenset({*WHERE, *SECRETS, "timeout_s", "request_validity_ms", "grace_ms"})
_HEADER = re.compile(r"\s*\[+\s*([A-Za-z0-9_.\"' -]+)")


class Salvaged(NamedTuple):
    """The part of a config that is right.

    - gateway: the gateway's valid values, by name.
    - state_dir: the folder of the journal.
    - instance: the strategy's instance.
    - unread: one line for each value that is wrong.
    """

    gateway: dict[str, Any]
    state_dir: Path
    instance: str
    unread: list[str]


def salvage() -> Salvaged:
    """Reads file and variables; no content of theirs makes it raise."""
    unread: list[str] = []
    values = _file_values(unread)
    _apply_variables(values, unread)
    gateway = values.get("gateway")
    strategy = values.get("strategy")
    own = {name: value for name, value in (gateway if isinstance(gateway, dict) else {}).items() if name in GATEWAY}
    folder = values.get("state_dir")
    instance = strategy.get("instance") if isinstance(strategy, dict) else None
    named = {} if instance is None else {"instance": instance}
    return Salvaged(
        gateway=_valid(GatewaySettings, "gateway", own, unread),
        state_dir=Path(folder) if isinstance(folder, str) else STATE_DIR,
        instance=_valid(StrategySettings, "strategy", named, unread).get("instance", StrategySettings().instance),
        unread=unread,
    )


def readable(text: str) -> tuple[dict[str, Any], list[int]]:
    """Returns the values of a TOML file, and the numbers of the lines that are not TOML.

    >>> readable('a = 1\\nb = = 2\\n[c\\nd = "x"')
    ({'a': 1, 'c': {'d': 'x'}}, [2, 3])
    """
    try:
        return tomllib.loads(text), []
    except tomllib.TOMLDecodeError:
        pass
    found: dict[str, Any] = {}
    bad: list[int] = []
    header, at, lines = "", 0, text.splitlines()
    while at < len(lines):  # one header, or one value under the last header, at a time
        named = _HEADER.match(lines[at])
        if named:
            header = f"[{named[1].strip()}]"
            if _parsed(lines[at]) is None:
                bad.append(at + 1)
            at += 1
            continue
        used = next((used for used in _lengths(lines, at) if _parsed("\n".join(lines[at : at + used])) is not None), 0)
        content = _parsed("\n".join([header, *lines[at : at + used]])) if used else None
        if content is None:
            bad.append(at + 1)
        else:
            _merge(found, content)
        at += max(used, 1)
    return found, bad


def _lengths(lines: list[str], at: int) -> Iterator[int]:
    """Yields how many lines the value that begins at line `at` may have: up to the next header."""
    for used in range(1, min(MOST_LINES, len(lines) - at) + 1):
        if used > 1 and _HEADER.fullmatch(lines[at + used - 1].rstrip().removesuffix("]")):
            return
        yield used


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Adds values, table by table; the first one of a name stays."""
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into.setdefault(name, value)


def _file_values(unread: list[str]) -> dict[str, Any]:
    """Returns what can be read of the config file, without secrets; adds a line for what cannot."""
    path: Path | None = None
    try:
        path = config_path()
        if path is None:
            return {}
        values, bad = readable(path.read_bytes().decode(errors="replace"))
    except (ConfigError, OSError, ValueError) as error:
        unread.append(f"{error}" if isinstance(error, ConfigError) else f"config: {path}: {error}")
        return {}
    unread += (f"{path}: line {number} cannot be read" for number in bad)
    gateway = values.get("gateway")
    for name in SECRETS:
        if isinstance(gateway, dict) and gateway.pop(name, None) is not None:
            unread.append(f"{path}: gateway.{name} does not belong in a config file, and is not used")
    return values


def _apply_variables(values: dict[str, Any], unread: list[str]) -> None:
    """Puts the variables over the file's values: first whole sections as JSON, then single keys."""
    for name, text in sorted(os.environ.items(), key=lambda pair: pair[0].count("__")):
        path = name.removeprefix(PREFIX).lower().split("__")
        if not name.startswith(PREFIX) or path[0] not in ("state_dir", "gateway", "strategy") or len(path) > 2:
            continue
        value: Any = text
        if path[0] != "state_dir" and (len(path) == 1 or path[1] == "markets"):
            try:
                value = json.loads(text)
            except ValueError:
                value = None
            if not isinstance(value, dict):
                unread.append(f"the variable {name} is no JSON object")
                continue
        if len(path) == 1 and isinstance(value, dict):
            held = values.get(path[0])
            values[path[0]] = {**(held if isinstance(held, dict) else {}), **value}
        elif len(path) == 1:
            values[path[0]] = value
        else:
            section = values.get(path[0])
            values[path[0]] = {**(section if isinstance(section, dict) else {}), path[1]: value}


def _valid(kind: type[Section], name: str, values: dict[str, Any], unread: list[str]) -> dict[str, Any]:
    """Returns the values that are valid by themselves; whether they fit together does not matter here."""
    kept = dict(values)
    while kept:
        try:
            kind(**kept)
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)
            wrong = {one["loc"][:2]: one["msg"] for one in found if one["loc"]}
            if not wrong:
                return kept
            for place, why in wrong.items():
                _drop(kept, place)
                unread.append(f"{'.'.join((name, *map(str, place)))}: {why.removeprefix('Value error, ')}")
        else:
            return kept
    return kept


def _drop(values: dict[str, Any], place: tuple[int | str, ...]) -> None:
    held = values.get(str(place[0]))
    if len(place) > 1 and isinstance(held, dict):
        values[str(place[0])] = {key: value for key, value in held.items() if key != place[1]}
    else:
        values.pop(str(place[0]), None)
