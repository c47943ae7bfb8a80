"""Settings as the lines of a `tickline.toml`."""

import json
from collections.abc import Iterator, Mapping


def toml_lines(values: Mapping[str, object]) -> Iterator[str]:
    """Yields settings as a TOML file that a person can read and the line reads back. Sections are mappings.

    What is None is left out, since TOML has no such value.

    >>> list(toml_lines({"interval": "1s", "gateway": {"leverage": 1, "markets": {"A": "A/B"}, "keys_dir": None}}))
    ['interval = "1s"', '', '[gateway]', 'leverage = 1', 'markets = {"A" = "A/B"}']
    """
    for name, value in values.items():
        if not isinstance(value, Mapping) and value is not None:
            yield f"{name} = {_value(value)}"
    for name, section in values.items():
        if isinstance(section, Mapping):
            yield ""
            yield f"[{name}]"
            for key, value in section.items():
                if value is not None:
                    yield f"{key} = {_value(value)}"


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(key)} = {_value(held)}" for key, held in value.items() if held is not None)
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(held) for held in value) + "]"
    return json.dumps(value)
