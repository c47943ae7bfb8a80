"""Column types that give back exactly what was written."""

from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator

from shared.errors import SafetyRefusal

Whole = BigInteger  # 64 bit on both databases
Counted = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows itself only where the type is INTEGER


class Exact(TypeDecorator[Decimal]):
    """A finite Decimal as its text: every digit, the exponent and the sign of zero come back."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if not value.is_finite():
            raise ValueError(f"{value!r} is no amount")
        return str(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


class Member(TypeDecorator[StrEnum]):
    """An enum's member as its value. A value that this code does not know is refused, not guessed."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: type[StrEnum]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:
        return None if value is None else self.kind(value).value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> StrEnum | None:
        if value is None:
            return None
        try:
            return self.kind(value)
        except ValueError:
            raise SafetyRefusal(
                f"journal: the {self.kind.__name__} {value!r} is unknown here: a newer Tickline wrote it; run that one"
            ) from None
