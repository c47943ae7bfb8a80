"""What a tester switches and reads over HTTP: `POST http://127.0.0.1:PORT/_fake/NAME`, JSON in, JSON out."""

from decimal import Decimal
from typing import Any

from services.simulator.engine.events import ORIGINS, Declined
from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.engine.matching_engine import FEE_IN, NewOrder
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import ApiError, Handler, HttpRequest
from services.simulator.http.server import SimulatorServer
from services.simulator.websocket.faults import MessageFault, SubscriptionFault, SubscriptionTrouble, Trouble
from services.simulator.websocket.server import WebsocketServer


class Admin:
    """The switches of one server."""

    def __init__(self, server: SimulatorServer, state: SimulatorState) -> None:
        self._server, self._state = server, state

    def handlers(self) -> dict[str, Handler]:
        """By name."""
        table: dict[str, Handler] = {
            "weather": self.random_faults, "fault": self.fault, "price": self.price, "skew": self.skew,
            "funding": self.funding, "order": self.order, "withdraws": self.withdraws, "book": self.ledger,
            "asked": self.requests, "fees": self.fees, "reads_only": self.reads_only, "setting": self.setting,
            "market": self.market, "close_out": self.close_out, "deposit": self.deposit, "quiet": self.quiet,
        }  # fmt: skip
        return {name: checked(answer) for name, answer in table.items()}

    def random_faults(self, request: HttpRequest) -> object:
        """Fields of Weather, e.g. {"seed": 7, "chances": {"drop_after": 0.05}}; the rest stays. {} shows it."""
        now = self._state.random_faults
        for key, value in (request.content or {}).items():
            if key not in ("seed", "chances", "late_ms", "slow_ms", "apart_ms", "stale_ms"):
                raise ApiError(400, {"error": f"the weather has no {key}"})
            setattr(now, key, value)
        try:
            now.__post_init__()
        except ValueError:
            now.chances = {}
            raise
        return {"seed": now.seed, "chances": now.chances, "stale_ms": now.stale_ms, "late_ms": now.late_ms}

    def fault(self, request: HttpRequest) -> object:
        """Fields of Fault, e.g. {"mode": "DROP", "path": "/order", "method": "POST", "after": true}. {}: clears all."""
        fields: dict[str, Any] = request.content or {}
        if not fields:
            for fault in self._server.faults:
                fault.release.set()
            self._server.faults.clear()
            return {}
        self._server.faults.append(Fault(**{**fields, "mode": FaultMode(fields["mode"])}))
        return {"faults": len(self._server.faults)}

    def price(self, request: HttpRequest) -> object:
        """{"sym": ..., "price": "43000.00"}: from now on."""
        self._state.engine.prices.set(request.content["sym"], Decimal(request.content["price"]))
        return {}

    def skew(self, request: HttpRequest) -> object:
        """{"ms": 5000}: the venue's clock is ahead."""
        self._state.skew_ms = int(request.content["ms"])
        return {}

    def funding(self, request: HttpRequest) -> object:
        """{"sym": ..., "rate": "0.0001"}: paid now."""
        self._state.fund(request.content["sym"], Decimal(request.content["rate"]))
        return {}

    def order(self, request: HttpRequest) -> object:
        """{"sym": ..., "qty": "-0.5", "client_id": "", "limit": null}: as somebody else with the same account.

        "leg": "LONG", "SHORT" or "CROSS", see wallet.py. "trigger": "41000", "rises": false: it waits for that price;
        "algo": the venue's word for that kind, e.g. OKX's `conditional` and Binance's TAKE_PROFIT_MARKET.
        """
        content = request.content
        limit, trigger = (
            None if content.get(name) is None else Decimal(content[name]) for name in ("limit", "trigger")
        )
        ask = NewOrder(
            content["sym"], Decimal(content["qty"]), content.get("client_id", ""),
            bool(content.get("reduce_only", False)), limit, leg=content.get("leg", ""), trigger=trigger,
            rises=bool(content.get("rises", False)), algo=content.get("algo", ""),
        )  # fmt: skip
        return self._state.engine.place(ask, self._state.now_ms())._asdict()

    def fees(self, request: HttpRequest) -> object:
        """{"in": "BNBUSDT"}: in the base currency of this listing; "": as the venue takes them without."""
        listing = request.content["in"]
        if listing and listing not in self._state.engine.listings:
            raise KeyError(listing)
        self._state.engine.set(FEE_IN, listing)
        return {}

    def reads_only(self, request: HttpRequest) -> object:
        """{"only": true}: the key may not trade."""
        self._state.keys.reads_only = bool(request.content["only"])
        return {}

    def setting(self, request: HttpRequest) -> object:
        """{"key": "acctLv", "value": "4"}: of the account, see the head of the package for the keys."""
        self._state.engine.set(str(request.content["key"]), str(request.content["value"]))
        return {}

    def market(self, request: HttpRequest) -> object:
        """{"sym": ..., "status": "SETTLING", "step": "0.01"}: the venue's own word, and fields of Listing."""
        sym, engine = request.content["sym"], self._state.engine
        fields = {name: Decimal(value) for name, value in request.content.items() if name not in ("sym", "status")}
        engine.listings[sym] = engine.listings[sym]._replace(**fields)  # type: ignore[arg-type]
        if "status" in request.content:
            engine.set(f"status:{sym}", request.content["status"])
        return {}

    def close_out(self, request: HttpRequest) -> object:
        """{"sym": ..., "as": "liquidation"}: the venue ends the position; or `adl`, or `settlement`."""
        if request.content["as"] not in ORIGINS:
            raise ValueError(f"as: one of {', '.join(ORIGINS)}")
        return [order._asdict() for order in self._state.close_out(request.content["sym"], request.content["as"])]

    def quiet(self, request: HttpRequest) -> object:
        """{"ms": 45000}: the best prices have not changed for so long, which is what a ticker's own time says."""
        self._state.quiet_ms = int(request.content["ms"])
        return {}

    def deposit(self, request: HttpRequest) -> object:
        """{"currency": "BTC", "amount": "0.1"}: comes in; what is negative goes out."""
        content = request.content
        amount = Decimal(content["amount"])
        return self._state.engine.pay("TRANSFER", "", content["currency"], amount, self._state.now_ms())._asdict()

    def withdraws(self, request: HttpRequest) -> object:
        """{"allowed": true}: the key may."""
        self._state.keys.withdraws = bool(request.content["allowed"])
        return {}

    def ledger(self, request: HttpRequest) -> object:
        """The venue's own book."""
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
            "cash": dict(engine.wallet.cash),
            "settings": engine.settings,
        }

    def requests(self, request: HttpRequest) -> object:
        """{"path": "/order", "method": "POST"}: how often that was asked."""
        content = request.content or {}
        return {"count": self._server.count(content.get("path", ""), content.get("method", ""))}


def checked(answer: Handler) -> Handler:
    """With a line that says what was wrong with the question."""

    def tried(request: HttpRequest) -> object:
        try:
            return answer(request)
        except (ArithmeticError, KeyError, TypeError, ValueError, Declined) as error:
            raise ApiError(400, {"error": f"{type(error).__name__}: {error}"}) from error

    return tried


# The switches of the websockets over HTTP: `POST http://127.0.0.1:PORT/_fake/NAME`, JSON in, JSON out.


class WebsocketAdmin:
    """Of one venue's feed."""

    def __init__(self, feed: WebsocketServer) -> None:
        self._feed = feed

    def handlers(self) -> dict[str, Handler]:
        """By name."""
        table: dict[str, Handler] = {
            "feed": self.feed, "feed_fault": self.fault, "feed_cut": self.cut, "clock_jump": self.jump,
            "tape": self.trades, "feed_start": self.start,
        }  # fmt: skip
        return {name: checked(answer) for name, answer in table.items()}

    def feed(self, request: HttpRequest) -> object:
        """Fields of FeedWeather, e.g. {"seed": 7, "chances": {"gap": 0.01}}; the rest stays. {} shows it."""
        faults = self._feed.message_faults
        if request.content:
            faults.change(**request.content)
        return {
            "seed": faults.seed, "chances": faults.chances, "struck": faults.struck, "open": len(self._feed.open),
            "subscribed": self._feed.subscribed,
        }  # fmt: skip

    def fault(self, request: HttpRequest) -> object:
        """Fields of FeedFault, e.g. {"trouble": "gap", "stream": "btcusdt@trade", "size": 3}. {}: clears all."""
        fields: dict[str, Any] = request.content or {}
        faults = self._feed.message_faults.switched
        if fields:
            faults.append(MessageFault(**{**fields, "trouble": Trouble(fields["trouble"])}))
        else:
            faults.clear()
        return {"faults": len(faults)}

    def start(self, request: HttpRequest) -> object:
        """Fields of StartFault, e.g. {"what": "mute", "stream": "trades:BTC-USDT-SWAP", "times": 2}. {}: clears all."""
        fields: dict[str, Any] = request.content or {}
        if fields:
            self._feed.subscription_faults.append(
                SubscriptionFault(**{**fields, "what": SubscriptionTrouble(fields["what"])})
            )
        else:
            self._feed.subscription_faults.clear()
        return {"faults": len(self._feed.subscription_faults)}

    def cut(self, request: HttpRequest) -> object:
        """{}: all connections are torn now."""
        count = len(self._feed.open)
        self._feed.abort()
        return {"torn": count}

    def jump(self, request: HttpRequest) -> object:
        """{"ms": 5000, "for_ms": 1000}: the venue's clock, and back after that time; 0: it stays."""
        self._feed.jump(int(request.content["ms"]), int(request.content.get("for_ms", 0)))
        return {}

    def trades(self, request: HttpRequest) -> object:
        """{"sym": "BTCUSDT", "first": 0, "last": 100}: what a perfect feed gives, by index; how many were until now."""
        history = self._feed.state.histories.get(request.content["sym"])
        if history is None:
            raise ApiError(404, {"error": "no such tape"})
        count = history.upto(self._feed.state.now_ms())
        first, last = int(request.content.get("first", 0)), int(request.content.get("last", 0))
        return {
            "count": count, "past": history.past, "end": history.end, "start_ms": history.start_ms,
            "trades": [trade._asdict() for trade in history.trades(first, last)],
        }  # fmt: skip
