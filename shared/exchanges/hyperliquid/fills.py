"""The fills of a Hyperliquid account, page by page."""

from collections.abc import Mapping
from typing import Any

from shared.errors import VenueError
from shared.exchanges.hyperliquid.rows import rows_of
from shared.exchanges.trading.paging import MOST_PAGES, Row
from shared.orders.answers import Forced

FORCED = {"Auto-Deleveraging": Forced.ADL, "Settlement": Forced.SETTLEMENT}  # `dir` of a fill: U
PAGE = 500  # P: DOCS/info-endpoint: what takes a range of time gives 500 rows; of fills 2000 are said, too


async def fills_between(client: Any, account: str, since_ms: int, until_ms: int) -> list[Row]:
    """Returns the rows of all fills of a time, both ends included, oldest first, of whatever market.

    P: DOCS/info-endpoint: at most the 10,000 newest fills can be had.
    """
    start, found = since_ms, dict[tuple[Any, Any], Row]()
    for _ in range(MOST_PAGES):
        asked = {"type": "userFillsByTime", "user": account, "startTime": start, "endTime": until_ms}
        rows = rows_of(await client.public_post_info(asked))
        new = {(row["tid"], row["oid"]): row for row in rows if (row["tid"], row["oid"]) not in found}
        found |= new
        if len(rows) < PAGE:
            break
        if not new:
            raise VenueError(f"{client.id}: more fills in one millisecond than one answer has")
        start = max(int(row["time"]) for row in rows)
    return list(found.values())


def forced(row: Mapping[str, Any], account: str) -> Forced | None:
    """Returns why the exchange has traded by itself; None where an order of the account has.

    A fill's `liquidation` names whose it was (C). account: its address, in small letters
    """
    liquidation = row.get("liquidation")
    if liquidation and str(liquidation.get("liquidatedUser")).lower() == account:
        return Forced.LIQUIDATION
    return FORCED.get(str(row.get("dir")))
