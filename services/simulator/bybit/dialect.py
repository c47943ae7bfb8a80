"""Bybit: linear swaps, or spot, of a unified account over the fake's book.

https://bybit-exchange.github.io/docs/v5/intro
"""

from collections.abc import Mapping

from services.simulator.bybit.account import BybitAccount
from services.simulator.bybit.authentication import public, signed
from services.simulator.bybit.executions import BybitExecutions
from services.simulator.bybit.history import BybitHistory
from services.simulator.bybit.orders import BybitOrders
from services.simulator.bybit.public_market import BybitMarket
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.server import Answer

HOSTS = ("api.bybit.com", "api-demo.bybit.com")  # demo trading has a host of its own


class Bybit:
    """A FakeVenue that trades. Both kinds of market have the same ids at Bybit: here a floor has one of the kinds."""

    def __init__(self, floor: SimulatorState) -> None:
        self.floor = floor
        self._orders, self._executions = BybitOrders(floor), BybitExecutions(floor)
        self._account, self._market = BybitAccount(floor), BybitMarket(floor)
        self._history = BybitHistory(floor)

    @property
    def routes(self) -> Mapping[str, Answer]:
        """What the server serves."""
        orders, account, market = self._orders, self._account, self._market
        private: dict[str, Answer] = {
            "POST order/create": orders.place,
            "POST order/cancel": orders.cancel,
            "POST order/cancel-all": orders.cancel_all,
            "GET order/realtime": orders.realtime,
            "GET order/history": orders.history,
            "GET execution/list": self._executions.executions,
            "GET account/wallet-balance": account.balance,
            "GET account/info": account.info,
            "POST account/set-margin-mode": account.set_margin,
            "GET position/list": account.positions,
            "POST position/switch-mode": account.set_position_mode,
            "POST position/set-leverage": account.set_leverage,
            "GET user/query-api": account.key_rights,
        }
        open_to_all: dict[str, Answer] = {
            "GET market/time": market.time,
            "GET market/instruments-info": market.instruments,
            "GET market/tickers": market.tickers,
            "GET market/funding/history": self._history.funding_rates,
        }
        if self.floor.tapes:
            open_to_all |= {
                "GET market/kline": self._history.klines,
                "GET market/recent-trade": self._history.recent_trades,
            }
        table = {route: signed(self.floor, answer) for route, answer in private.items()}
        table |= {route: public(self.floor, answer) for route, answer in open_to_all.items()}
        return {route.replace(" ", f" {host}/v5/", 1): answer for route, answer in table.items() for host in HOSTS}
