"""Events of the feed as a snapshot keeps them: with their fields' names."""

from decimal import Decimal
from typing import Annotated

from shared.exchanges.market_data.events import Trade
from shared.later_fields import Since
from shared.messages.market import BarGroup
from shared.record import Record, fields_of


class SavedTrade(Record):
    """A snapshot keeps a Trade so."""

    id: int | str
    ts_event: int
    price: Decimal
    qty: Decimal
    seq: int
    on_book: bool


class SavedBar(Record):
    """A snapshot keeps a bar so; price: None where nothing traded."""

    ts_event: int
    price: Decimal | None


class SavedWholeBar(SavedBar):
    """A snapshot keeps a bar so that may have its group."""

    bar: Annotated[BarGroup | None, Since(4)] = None


class SavedPrice(Record):
    """A snapshot keeps a bar or a Close so whose price is known."""

    ts_event: int
    price: Decimal


saved_bar, saved_price, saved_whole_bar = fields_of(SavedBar), fields_of(SavedPrice), fields_of(SavedWholeBar)
_trade = fields_of(SavedTrade)


def saved_trade(trade: Trade) -> SavedTrade:
    """Returns the trade as a snapshot keeps it."""
    return _trade(**trade._asdict())


def trade_in(saved: SavedTrade) -> Trade:
    """Returns the trade that a snapshot kept."""
    return Trade(saved.id, saved.ts_event, saved.price, saved.qty, saved.seq, saved.on_book)
