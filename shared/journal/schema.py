"""The tables as they are now. How they came to be stands in migrations/; a test holds the two together."""

from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

from shared.errors import SafetyRefusal
from shared.messages.reasons import Leg, OrderPhase, OrderStatus, Reason

# Column types that give back exactly what was written.

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


VERSION_TABLE = "tickline_schema"
TERMINAL = tuple(status.value for status in OrderStatus)

METADATA = MetaData()


def _key(name: str, kind: Any = Text) -> "Column[Any]":
    return Column(name, kind, primary_key=True)


def _must(name: str, kind: Any = Text, default: Any = None) -> "Column[Any]":
    return Column(name, kind, nullable=False, default=default)


accounts = Table(
    "accounts",
    METADATA,
    _key("account"),
    _must("epoch", Whole, 0),
    _must("owner", Text, ""),
    _must("raised_ms", Whole, 0),
    _must("bus_id", Text, ""),
)

orders = Table(
    "orders",
    METADATA,
    _key("account"),
    _key("client_order_id"),
    _must("book"),
    _must("sym"),
    _must("tick_n", Whole),
    _must("tr"),
    _must("ts_event", Whole),
    _must("leg", Member(Leg)),
    _must("intended_qty", Exact),
    _must("reduce_only", Boolean),
    _must("price", Exact),
    _must("valid_until_ns", Whole),
    _must("after"),
    _must("content"),
    _must("order_n", Whole),
    _must("state", Member(OrderPhase)),
    _must("signed_qty", Exact),
    _must("at_ms", Whole),
    _must("valid_until_ms", Whole),
    _must("venue_order_id"),
    _must("filled_qty", Exact),
    _must("paid", Exact),
    _must("commission", Exact),
    Column("reason", Member(Reason)),
    _must("epoch", Whole),
    _must("updated_ms", Whole),
    Index("orders_by_state", "account", "state"),
    Index("orders_by_time", "account", "updated_ms"),
)

fills = Table(
    "fills",
    METADATA,
    _key("account"),
    _key("sym"),
    _key("trade_id"),
    _key("venue_order_id"),
    _must("client_order_id"),
    _must("signed_qty", Exact),
    _must("price", Exact),
    _must("fee", Exact),
    _must("fee_currency"),
    _must("at_ms", Whole),
    Column("extra_fees", Text),
    Index("fills_by_order", "account", "client_order_id"),
    Index("fills_by_time", "account", "at_ms"),
)

executions = Table(
    "executions",
    METADATA,
    _key("account"),
    _key("book"),
    Column("seq", Whole, primary_key=True, autoincrement=False),
    _must("client_order_id"),
    _must("report", LargeBinary),
    _must("at_ms", Whole),
    UniqueConstraint("account", "client_order_id", name="executions_one_per_order"),
    CheckConstraint("seq >= 1", name="executions_count_from_1"),
)

limits = Table("limits", METADATA, _key("account"), _key("name"), _must("value", LargeBinary))

latches = Table("latches", METADATA, _key("account"), _key("name"), _must("reason"), _must("by"), _must("at_ms", Whole))

armings = Table(
    "armings",
    METADATA,
    _key("account"),
    _must("max_notional", Exact),
    _must("armed_at_ms", Whole),
    _must("expires_at_ms", Whole),
    _must("config_hash"),
    _must("by"),
)

events = Table(
    "events",
    METADATA,
    _key("id", Counted),
    _must("account"),
    _must("kind"),
    _must("sym"),
    _must("client_order_id"),
    _must("text"),
    _must("at_ms", Whole),
    Index("events_by_account", "account", "id"),
)

externals = Table(
    "externals",
    METADATA,
    _key("account"),
    _key("kind"),
    _key("sym"),
    _key("key"),
    _must("text"),
    _must("at_ms", Whole),
    _must("adopted_by"),
    Column("expected", Text),
    Column("found", Text),
    Column("price", Exact),
    Column("fees", Text),
)

funding = Table(
    "funding",
    METADATA,
    _key("account"),
    _key("sym"),
    _key("payment_id"),
    _must("amount", Exact),
    _must("at_ms", Whole),
    Index("funding_by_time", "account", "at_ms"),
)
