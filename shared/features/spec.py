"""A spec is a feature's name and arguments in one line of text, e.g. `bollinger(20, 2.0)`; no code runs to read it."""

import ast
import inspect
import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, TypeAlias

Argument: TypeAlias = bool | int | float | str | None

MAX_SPEC = 400  # characters
_SPEC = re.compile(r"([^()\n]+?)\s*(?:(\(.*\)))?", re.DOTALL)
_USERS = re.compile(r"^shared\.user_code\.folders\.[^.]+\.")  # how the loader names the modules of a folder
_EXAMPLE = "name(arguments), e.g. bollinger(20, 2.0)"


class Call(NamedTuple):
    """A call is a spec taken apart."""

    name: str
    args: tuple[Argument, ...]
    kwargs: dict[str, Argument]


def parsed(spec: str) -> Call:
    """Returns the name and the arguments: numbers, texts, True, False and None, by place or by name.

    - The name is that of a shipped feature, `file.py:Class` or `package.module:Class`; without brackets it has no
      arguments.
    - Raises ValueError, in one line, for any other text, for more than MAX_SPEC characters, and for a number that is
      not finite.

    >>> parsed("bollinger(20, deviations=2.5)")
    Call(name='bollinger', args=(20,), kwargs={'deviations': 2.5})
    """
    match = _SPEC.fullmatch(spec.strip()) if len(spec) <= MAX_SPEC else None
    if match is None:
        raise ValueError(f"feature {spec!r:.80} is not written as {_EXAMPLE}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what Python finds odd, e.g. "\d", is odd here, too
            call = ast.parse(f"f{match[2] or '()'}", mode="eval").body
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                raise ValueError("no call")
            args = tuple(_value(arg, spec) for arg in call.args)
            kwargs = {str(keyword.arg): _value(keyword.value, spec) for keyword in call.keywords if keyword.arg}
            if len(kwargs) < len(call.keywords):
                raise ValueError("** is no argument")
    except _NotFinite:
        raise
    except (SyntaxError, ValueError, SyntaxWarning, MemoryError, RecursionError) as error:
        raise ValueError(
            f"feature {spec!r:.80} is not written as {_EXAMPLE}; arguments are numbers or texts"
        ) from error
    return Call(match[1], args, kwargs)


class _NotFinite(ValueError):
    pass


def _value(node: ast.expr, spec: str) -> Argument:
    value = ast.literal_eval(node)
    if value is not None and not isinstance(value, bool | int | float | str):
        raise ValueError(f"{type(value).__name__} is no argument")
    if isinstance(value, float) and not math.isfinite(value):
        raise _NotFinite(f"feature {spec!r:.80}: an argument must be finite")
    return value


class Made:
    """A Made knows the arguments of which a feature was made, and the name under which it was asked for, if any."""

    def __init__(self, kind: type, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        self._kind, self.args, self.kwargs = kind, args, kwargs
        self.name = _own_name(kind)

    @cached_property
    def arguments(self) -> str:
        """Returns e.g. `(20, 2.0)`; raises TypeError for an argument that no text can hold."""
        return f"({', '.join(_written(self._kind, self.args, self.kwargs))})"

    @property
    def spec(self) -> str:
        """Returns e.g. `bollinger(20, 2.0)`; raises TypeError likewise."""
        return self.name + self.arguments


def _own_name(kind: type) -> str:
    """Returns a shipped class's name in the registry, or where another class lies.

    >>> from tickline import LogReturnLags
    >>> _own_name(LogReturnLags), _own_name(Call)
    ('log_return_lags', 'shared.features.spec:Call')
    """
    if kind.__module__.startswith("shared.features.") and kind.__module__ != __name__:
        return kind.__module__.rpartition(".")[2]
    return f"{_USERS.sub('', kind.__module__)}:{kind.__qualname__}"


def _written(kind: type, args: Sequence[object], kwargs: Mapping[str, object]) -> list[str]:
    """Returns each argument as Python writes it, those left out with their defaults, by name only where it must be."""
    constructor: Callable[..., object] = kind.__init__  # type: ignore[misc]
    bound = inspect.signature(constructor).bind(None, *args, **kwargs)
    given = set(bound.arguments)
    bound.apply_defaults()
    written: list[str] = []
    by_name = False
    for name, parameter in list(bound.signature.parameters.items())[1:]:
        value = bound.arguments[name]
        where = f"{kind.__name__}({name}=…)"
        if parameter.kind is parameter.VAR_POSITIONAL:
            written += [_text(each, where) for each in value]
        elif parameter.kind is parameter.VAR_KEYWORD:
            written += [f"{key}={_text(each, where)}" for key, each in value.items()]
        elif name not in given and not _is_plain(value):
            by_name = True  # left out, as it was
        elif parameter.kind is parameter.KEYWORD_ONLY or by_name:
            written.append(f"{name}={_text(value, where)}")
        else:
            written.append(_text(value, where))
    return written


def _is_plain(value: object) -> bool:
    import numpy as np  # a spec is read without it, and made of arguments with it

    return value is None or isinstance(value, bool | int | float | str | np.bool_ | np.integer | np.floating)


def _text(value: object, where: str) -> str:
    if not _is_plain(value):
        raise TypeError(f"{where} is a {type(value).__name__}: only numbers and texts can stand in a spec")
    return repr(getattr(value, "item", lambda: value)())
