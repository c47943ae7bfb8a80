"""A tester switches and reads these over HTTP: `POST http://127.0.0.1:PORT/_fake/NAME`, JSON in, JSON out.

Each docstring shows the JSON that it takes. The names of the switches stay, whatever the methods are called.
"""

from collections import Counter
from decimal import Decimal
from typing import Any

from services.simulator.engine.events import ORIGINS, Declined, NewOrder
from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.engine.matching_engine import FEE_IN
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.engine.stop_faults import StopFaults
from services.simulator.http.request import ApiError, Handler, HttpRequest
from services.simulator.http.server import SimulatorServer
from services.simulator.websocket.faults import MessageFault, SubscriptionFault, SubscriptionTrouble, Trouble
from services.simulator.websocket.server import WebsocketServer

RANDOM_FAULTS = ("seed", "chances", "late_ms", "slow_ms", "apart_ms", "stale_ms", "rows_ms")


class Admin:
    """The switches of the account, the markets and the HTTP server."""

    def __init__(self, server: SimulatorServer, state: SimulatorState) -> None:
        self._server, self._state = server, state

    def handlers(self) -> dict[str, Handler]:
        """Returns the handlers by name."""
        table: dict[str, Handler] = {
            "weather": self.random_faults,
            "fault": self.fault,
            "price": self.price,
            "skew": self.skew,
            "funding": self.funding,
            "order": self.order,
            "withdraws": self.withdraws,
            "book": self.ledger,
            "asked": self.count,
            "fees": self.fees,
            "reads_only": self.reads_only,
            "setting": self.setting,
            "market": self.market,
            "close_out": self.close_out,
            "deposit": self.deposit,
            "quiet": self.quiet,
            "stops": self.stop_faults,
        }
        return {name: checked(handler) for name, handler in table.items()}

    def random_faults(self, request: HttpRequest) -> object:
        """Sets fields of RandomFaults: {"seed": 7, "chances": {"drop_after": 0.05}}. {} shows them."""
        faults = self._state.random_faults
        for key, value in (request.content or {}).items():
            if key not in RANDOM_FAULTS:
                raise ApiError(400, {"error": f"the weather has no {key}"})
            setattr(faults, key, value)
        try:
            faults.__post_init__()
        except ValueError:
            faults.chances = {}
            raise
        return {
            "seed": faults.seed,
            "chances": faults.chances,
            "stale_ms": faults.stale_ms,
            "late_ms": faults.late_ms,
        }

    def fault(self, request: HttpRequest) -> object:
        """Adds a Fault: {"mode": "DROP", "path": "/order", "method": "POST", "after": true}. {} clears all."""
        fields: dict[str, Any] = request.content or {}
        if not fields:
            for fault in self._server.faults:
                fault.release.set()
            self._server.faults.clear()
            return {}
        self._server.faults.append(Fault(**{**fields, "mode": FaultMode(fields["mode"])}))
        return {"faults": len(self._server.faults)}

    def price(self, request: HttpRequest) -> object:
        """Sets a market's price from now on: {"sym": ..., "price": "43000.00"}."""
        self._state.engine.prices.set(request.content["sym"], Decimal(request.content["price"]))
        return {}

    def skew(self, request: HttpRequest) -> object:
        """Sets the simulator's clock ahead of this machine's: {"ms": 5000}."""
        self._state.skew_ms = int(request.content["ms"])
        return {}

    def funding(self, request: HttpRequest) -> object:
        """Pays funding now: {"sym": ..., "rate": "0.0001"}."""
        self._state.fund(request.content["sym"], Decimal(request.content["rate"]))
        return {}

    def order(self, request: HttpRequest) -> object:
        """Places an order of somebody else with the same account: {"sym": ..., "qty": "-0.5"}.

        "client_id", "limit", "reduce_only"; "ioc": true: with a limit, and it does not rest
        "leg": "LONG", "SHORT" or "CROSS", see Wallet
        "trigger": "41000", "rises": false: it waits for that price
        "algo": the exchange's word for that kind, e.g. OKX's `conditional` and Binance's TAKE_PROFIT_MARKET
        """
        content = request.content
        limit, trigger = (
            None if content.get(name) is None else Decimal(content[name]) for name in ("limit", "trigger")
        )
        new = NewOrder(
            sym=content["sym"],
            signed_qty=Decimal(content["qty"]),
            client_id=content.get("client_id", ""),
            reduce_only=bool(content.get("reduce_only", False)),
            limit=limit,
            leg=content.get("leg", ""),
            trigger=trigger,
            rises=bool(content.get("rises", False)),
            algo=content.get("algo", ""),
            ioc=bool(content.get("ioc", False)),
        )
        return self._state.engine.place(new, self._state.now_ms())._asdict()

    def fees(self, request: HttpRequest) -> object:
        """Takes fees in the base currency of a listing: {"in": "BNBUSDT"}; "": as the exchange does by itself."""
        listing = request.content["in"]
        if listing and listing not in self._state.engine.listings:
            raise KeyError(listing)
        self._state.engine.set(FEE_IN, listing)
        return {}

    def reads_only(self, request: HttpRequest) -> object:
        """Takes from the key the right to trade: {"only": true}."""
        self._state.keys.reads_only = bool(request.content["only"])
        return {}

    def setting(self, request: HttpRequest) -> object:
        """Sets one of the settings that the package's docstring lists: {"key": "acctLv", "value": "4"}."""
        self._state.engine.set(str(request.content["key"]), str(request.content["value"]))
        return {}

    def market(self, request: HttpRequest) -> object:
        """Sets a market's status, in the exchange's word, and fields of Listing: {"sym": ..., "status": "SETTLING"}."""
        sym, engine = request.content["sym"], self._state.engine
        fields = {name: Decimal(value) for name, value in request.content.items() if name not in ("sym", "status")}
        engine.listings[sym] = engine.listings[sym]._replace(**fields)  # type: ignore[arg-type]
        if "status" in request.content:
            engine.set(f"status:{sym}", request.content["status"])
        return {}

    def close_out(self, request: HttpRequest) -> object:
        """Ends a position as the exchange does: {"sym": ..., "as": "liquidation"}; or `adl`, or `settlement`."""
        if request.content["as"] not in ORIGINS:
            raise ValueError(f"as: one of {', '.join(ORIGINS)}")
        return [order._asdict() for order in self._state.close_out(request.content["sym"], request.content["as"])]

    def stop_faults(self, request: HttpRequest) -> object:
        """Sets what goes wrong with stops: {"chances": {"fails": 0.2}, "seed": 7, "late_ms": 100}. {} shows it."""
        faults = self._state.stop_faults
        if request.content:
            self._state.stop_faults = faults = StopFaults(**{**_settable(faults), **request.content})
        return _settable(faults)

    def quiet(self, request: HttpRequest) -> object:
        """Lets the best prices stand for so long, as a ticker's own time then tells: {"ms": 45000}."""
        self._state.quiet_ms = int(request.content["ms"])
        return {}

    def deposit(self, request: HttpRequest) -> object:
        """Pays money in; out where it is negative: {"currency": "BTC", "amount": "0.1"}."""
        content = request.content
        amount = Decimal(content["amount"])
        return self._state.engine.pay("TRANSFER", "", content["currency"], amount, self._state.now_ms())._asdict()

    def withdraws(self, request: HttpRequest) -> object:
        """Gives the key the right to withdraw: {"allowed": true}."""
        self._state.keys.withdraws = bool(request.content["allowed"])
        return {}

    def ledger(self, request: HttpRequest) -> object:
        """Shows all that the engine knows: orders, fills, payments, positions, cash, settings."""
        engine = self._state.engine
        engine.advance(self._state.now_ms())
        swaps = [sym for sym, listing in engine.listings.items() if listing.kind == "swap"]
        return {
            "orders": [order._asdict() for order in engine.orders()],
            "fills": [fill._asdict() for fill in engine.fills],
            "payments": [payment._asdict() for payment in engine.payments],
            "positions": {sym: engine.wallet.holding(sym)._asdict() for sym in swaps},
            "legs": {
                sym: {leg: engine.wallet.holding(sym, leg=leg)._asdict() for leg in engine.wallet.legs(sym)}
                for sym in swaps
            },
            "stops": [stop._asdict() for stop in engine.stops.all()],
            "cash": dict(engine.wallet.cash),
            "settings": engine.settings,
        }

    def count(self, request: HttpRequest) -> object:
        """Counts the requests that came: {"path": "/order", "method": "POST"}; "by": "client_id" of each id, too."""
        content = request.content or {}
        path, method = content.get("path", ""), content.get("method", "")
        counted: dict[str, Any] = {"count": self._server.count(path, method)}
        if content.get("by") == "client_id":
            came = (one for one in self._server.requests if path in one.target and one.method == method)
            counted["by"] = Counter(one.client_id for one in came)
        return counted


def _settable(faults: StopFaults) -> dict[str, Any]:
    return {"seed": faults.seed, "chances": faults.chances, "late_ms": faults.late_ms}


class WebsocketAdmin:
    """The switches of the websockets."""

    def __init__(self, websockets: WebsocketServer) -> None:
        self._websockets = websockets

    def handlers(self) -> dict[str, Handler]:
        """Returns the handlers by name."""
        table: dict[str, Handler] = {
            "feed": self.message_faults,
            "feed_fault": self.message_fault,
            "feed_cut": self.cut,
            "clock_jump": self.jump,
            "tape": self.trades,
            "feed_start": self.subscription_fault,
        }
        return {name: checked(handler) for name, handler in table.items()}

    def message_faults(self, request: HttpRequest) -> object:
        """Sets fields of MessageFaults: {"seed": 7, "chances": {"gap": 0.01}}. {} shows them."""
        faults = self._websockets.message_faults
        if request.content:
            faults.change(**request.content)
        return {
            "seed": faults.seed,
            "chances": faults.chances,
            "struck": faults.struck,
            "open": len(self._websockets.open),
            "subscribed": self._websockets.subscribed,
        }

    def message_fault(self, request: HttpRequest) -> object:
        """Adds a MessageFault: {"trouble": "gap", "stream": "btcusdt@trade", "size": 3}. {} clears all."""
        fields: dict[str, Any] = request.content or {}
        faults = self._websockets.message_faults.switched
        if fields:
            faults.append(MessageFault(**{**fields, "trouble": Trouble(fields["trouble"])}))
        else:
            faults.clear()
        return {"faults": len(faults)}

    def subscription_fault(self, request: HttpRequest) -> object:
        """Adds a SubscriptionFault: {"what": "mute", "stream": "trades:BTC-USDT-SWAP", "times": 2}. {} clears all."""
        fields: dict[str, Any] = request.content or {}
        faults = self._websockets.subscription_faults
        if fields:
            faults.append(SubscriptionFault(**{**fields, "what": SubscriptionTrouble(fields["what"])}))
        else:
            faults.clear()
        return {"faults": len(faults)}

    def cut(self, request: HttpRequest) -> object:
        """Tears all connections: {}."""
        count = len(self._websockets.open)
        self._websockets.abort()
        return {"torn": count}

    def jump(self, request: HttpRequest) -> object:
        """Sets the simulator's clock ahead, and back after a time: {"ms": 5000, "for_ms": 1000}; 0: it stays."""
        self._websockets.jump(int(request.content["ms"]), int(request.content.get("for_ms", 0)))
        return {}

    def trades(self, request: HttpRequest) -> object:
        """Shows the trades of a market, by index, and how many were: {"sym": ..., "first": 0, "last": 100}."""
        history = self._websockets.state.histories.get(request.content["sym"])
        if history is None:
            raise ApiError(404, {"error": "no such tape"})
        count = history.upto(self._websockets.state.now_ms())
        first, last = int(request.content.get("first", 0)), int(request.content.get("last", 0))
        return {
            "count": count,
            "past": history.past,
            "end": history.end,
            "start_ms": history.start_ms,
            "trades": [trade._asdict() for trade in history.trades(first, last)],
        }


def checked(handler: Handler) -> Handler:
    """Wraps a handler: a request that makes no sense is answered with a line that says what is wrong with it."""

    def tried(request: HttpRequest) -> object:
        try:
            return handler(request)
        except (ArithmeticError, KeyError, TypeError, ValueError, Declined) as error:
            raise ApiError(400, {"error": f"{type(error).__name__}: {error}"}) from error

    return tried
