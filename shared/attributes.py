"""The attributes of an object are its memory, so an author need not write how that is saved.

A saved value is itself where the codec carries it exactly: None, bool, int, float, str, bytes, Decimal, and a list of
these. Everything else is a map with the name of what it is: tuple, dict, deque, array, scalar, int and decimal (long
ones), tick (a Tick that has a state of its own), memory (one that has not).
"""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from shared.errors import UserCodeFailed
from shared.tick import State, Tick

if TYPE_CHECKING:
    from numpy.typing import NDArray

_AS_IS = frozenset({type(None), bool, float, str, bytes})
_SMALL = 2**63
_SHORT = 80  # characters of a Decimal that the codec reads; one made of a float can have hundreds
_MAY_HOLD = (
    "an attribute may hold None, bool, int, float, str, bytes, Decimal, numpy arrays and numbers, Ticks, and lists, "
    "tuples, dicts and deques of these"
)


class NotSaved(UserCodeFailed, TypeError):
    """An attribute holds what would not come back as it was; the text names class and attribute."""


def saved_attributes(owner: str, attributes: Mapping[str, object]) -> dict[str, State]:
    """Returns the attributes in a form that the codec carries, in memory of its own.

    - owner: the class's name, for errors.
    - attributes: e.g. `vars(self)`.
    - Raises NotSaved, a TypeError, for a value of any other type (subclasses too, since they would come back as their
      base), and where two attributes share a list, dict, deque or array: they would come back apart.

    >>> saved_attributes("Average", {"sum": 2.5, "last": (1, 2)})
    {'sum': 2.5, 'last': {'tuple': [1, 2]}}
    >>> saved_attributes("Average", {"log": print})
    Traceback (most recent call last):
    shared.attributes.NotSaved: Average.log holds a builtin_function_or_method: an attribute may hold ...
    """
    seen: dict[int, str] = {}
    arrays: list[NDArray[Any]] = []
    saved: dict[str, State] = {}
    for name, value in attributes.items():
        if type(value) in _AS_IS:
            saved[name] = cast(State, value)
            continue
        try:
            saved[name] = _saved(value, seen, arrays, name)
        except _Unsaved as error:
            raise NotSaved(f"{owner}.{name} {error}") from None
    if len(arrays) > 1:
        _require_apart(owner, arrays, seen)
    return saved


def _require_apart(owner: str, arrays: "list[NDArray[Any]]", seen: Mapping[int, str]) -> None:
    import numpy as np

    for at, one in enumerate(arrays):
        for other in arrays[:at]:
            if np.may_share_memory(one, other):
                names = " and ".join(sorted({seen[id(one)], seen[id(other)]}))
                raise NotSaved(f"{owner}.{names}: two arrays share memory, and would come back apart; keep a copy")


def restored_attributes(owner: str, attributes: Mapping[str, object], saved: State) -> dict[str, Any]:
    """Returns what `saved_attributes` saved; Ticks among it are those of `attributes`, restored in place.

    - attributes: those of a new object, before any value.
    - Raises ValueError where the saved form is no such form, or does not fit a new object's attributes.

    >>> restored_attributes("Average", {"sum": 0.0, "last": None}, {"sum": 2.5, "last": {"tuple": [1, 2]}})
    {'sum': 2.5, 'last': (1, 2)}
    """
    if not isinstance(saved, dict):
        raise ValueError(f"{owner} restores a map of its attributes, not {saved!r:.80}")
    if missing := attributes.keys() - saved.keys():
        raise ValueError(f"{owner}: the saved state lacks {', '.join(sorted(missing))}")
    return {name: _restored(value, attributes.get(name), f"{owner}.{name:.60}") for name, value in saved.items()}


def saved_value(owner: str, value: object) -> State:
    """Returns one value in the saved form; raises NotSaved likewise."""
    return saved_attributes(owner, {"value": value})["value"]


def restored_value(owner: str, saved: State) -> Any:
    """Returns what `saved_value` saved; raises ValueError likewise."""
    return restored_attributes(owner, {}, {"value": saved})["value"]


class _Unsaved(Exception):
    """The value has no saved form; the text says why, without the attribute's name."""


def _saved(value: object, seen: dict[int, str], arrays: "list[NDArray[Any]]", name: str) -> State:
    kind = type(value)
    if kind in _AS_IS:
        return cast(State, value)
    if kind is int:
        number = cast(int, value)
        return number if -_SMALL <= number < _SMALL else {"int": str(number)}
    if kind is Decimal:
        digits = str(value)
        return cast(Decimal, value) if len(digits) <= _SHORT and "E" not in digits else {"decimal": digits}
    if kind is tuple:
        return {"tuple": _saved_all(cast(tuple[object, ...], value), seen, arrays, name)}
    if isinstance(value, Tick):
        return _saved_tick(value)
    numpy = sys.modules.get("numpy")  # nothing of it is in a process that has not loaded it
    if numpy is not None and isinstance(value, numpy.generic):
        scalar = numpy.asarray(value)
        return {"scalar": _bytes_of(scalar), "dtype": scalar.dtype.str}
    if id(value) in seen:
        raise _Unsaved(f"holds the same {kind.__name__} as {seen[id(value)]}: they would come back apart; keep a copy")
    if kind is list:
        seen[id(value)] = name
        return _saved_all(cast(list[object], value), seen, arrays, name)
    if kind is deque:
        seen[id(value)] = name
        values = cast(deque[object], value)
        return {"deque": _saved_all(values, seen, arrays, name), "maxlen": values.maxlen}
    if kind is dict:
        seen[id(value)] = name
        items = cast(dict[object, object], value).items()
        return {"dict": [_saved_all(item, seen, arrays, name) for item in items]}
    if numpy is not None and kind is numpy.ndarray:
        seen[id(value)] = name
        array = cast("NDArray[Any]", value)
        arrays.append(array)
        shape = " ".join(map(str, array.shape))
        return {"array": _bytes_of(array), "dtype": array.dtype.str, "shape": shape, "order": _order(array)}
    raise _Unsaved(f"holds a {kind.__name__}: {_MAY_HOLD}")


def _saved_all(values: Iterable[object], seen: dict[int, str], arrays: "list[NDArray[Any]]", name: str) -> list[State]:
    return [
        cast(State, value) if type(value) in _AS_IS else _saved(value, seen, arrays, name) for value in values
    ]  # one look for the most, since windows are long


def _saved_tick(tick: Tick[Any, Any]) -> State:
    if _has_own_state(tick):
        return {"tick": tick.state()}
    return {"memory": saved_attributes(type(tick).__name__, vars(tick))}


def _has_own_state(tick: Tick[Any, Any]) -> bool:
    return type(tick).state is not Tick.state


def _bytes_of(array: "NDArray[Any]") -> bytes:
    if array.dtype.hasobject or array.dtype.names is not None:
        raise _Unsaved(f"holds an array of dtype {array.dtype}: only numbers and fixed text come back as they were")
    return array.tobytes()


def _order(array: "NDArray[Any]") -> str:
    """Returns C or F: numpy sums in the order of memory, so another one would change the last bit."""
    if array.flags.c_contiguous:
        return "C"
    if array.flags.f_contiguous:
        return "F"
    raise _Unsaved("holds an array with steps: it would come back without them; keep numpy.ascontiguousarray of it")


def _restored(saved: State, new: object, where: str) -> Any:
    """Returns the value. new: what a new object has in its place; its Ticks are taken over."""
    if isinstance(saved, list):
        return _restored_all(saved, new, where)
    if not isinstance(saved, dict):
        return saved
    for name, restore in _RESTORE.items():
        if name in saved:
            try:
                return restore(saved, new, where)
            except (TypeError, KeyError, ArithmeticError) as error:
                raise ValueError(f"{where}: no saved {name}: {error!r:.80}") from error
    raise ValueError(f"{where}: {saved!r:.80} is no saved value")


def _restored_all(saved: Any, new: object, where: str) -> list[Any]:
    if not isinstance(saved, list | tuple):
        raise ValueError(f"{where}: {saved!r:.80} is no list")
    known = list(new) if isinstance(new, list | tuple | deque) and len(new) == len(saved) else [None] * len(saved)
    return [_restored(value, one, where) for value, one in zip(saved, known, strict=True)]


def _tuple(saved: dict[str, Any], new: object, where: str) -> tuple[Any, ...]:
    return tuple(_restored_all(saved["tuple"], new, where))


def _deque(saved: dict[str, Any], new: object, where: str) -> deque[Any]:
    length = saved["maxlen"]
    if isinstance(new, deque) and new.maxlen != length:
        raise ValueError(f"{where} has a maxlen of {new.maxlen}, the saved one {length!r:.20}")
    return deque(_restored_all(saved["deque"], new, where), maxlen=length)


def _dict(saved: dict[str, Any], new: object, where: str) -> dict[Any, Any]:
    known = new if isinstance(new, dict) else {}
    found = {}
    for pair in saved["dict"]:
        saved_key, value = pair if isinstance(pair, list | tuple) and len(pair) == 2 else (None, pair)
        key = _restored(saved_key, None, where)
        found[key] = _restored(value, known.get(key), where)
    return found


def _array(saved: dict[str, Any], new: object, where: str) -> "NDArray[Any]":
    flat = _numbers(saved["array"], saved["dtype"], where)
    shape = [int(side) for side in str(saved["shape"]).split()]
    return flat.reshape(shape).copy(order="F" if saved["order"] == "F" else "C")


def _scalar(saved: dict[str, Any], new: object, where: str) -> Any:
    return _numbers(saved["scalar"], saved["dtype"], where).reshape(())[()]


def _numbers(data: object, dtype: object, where: str) -> "NDArray[Any]":
    import numpy as np

    if not isinstance(data, bytes) or not isinstance(dtype, str) or np.dtype(dtype).hasobject:
        raise ValueError(f"{where}: no saved array of {dtype!r:.40}")
    array: NDArray[Any] = np.frombuffer(data, dtype=dtype)
    return array


def _int(saved: dict[str, Any], new: object, where: str) -> int:
    return int(saved["int"])


def _decimal(saved: dict[str, Any], new: object, where: str) -> Decimal:
    return Decimal(saved["decimal"])


def _tick(saved: dict[str, Any], new: object, where: str) -> Tick[Any, Any]:
    tick = _known_tick(new, where)
    tick.restore(saved["tick"])
    return tick


def _memory(saved: dict[str, Any], new: object, where: str) -> Tick[Any, Any]:
    tick = _known_tick(new, where)
    vars(tick).update(restored_attributes(type(tick).__name__, vars(tick), saved["memory"]))
    return tick


def _known_tick(new: object, where: str) -> Tick[Any, Any]:
    if not isinstance(new, Tick):
        raise ValueError(f"{where} holds a Tick that a new object has not: make all Ticks in the constructor")
    return new


_RESTORE: dict[str, Callable[[dict[str, Any], object, str], Any]] = {
    "tuple": _tuple,
    "deque": _deque,
    "dict": _dict,
    "array": _array,
    "scalar": _scalar,
    "int": _int,
    "decimal": _decimal,
    "tick": _tick,
    "memory": _memory,
}
