"""What a tester switches and reads over HTTP: `POST http://127.0.0.1:PORT/_fake/NAME`, JSON in, JSON out."""

from decimal import Decimal
from typing import Any

from services.simulator.engine.events import ORIGINS, Declined
from services.simulator.engine.faults import Fault, FaultMode
from services.simulator.engine.matching_engine import FEE_IN, NewOrder
from services.simulator.engine.simulator_state import SimulatorState
from services.simulator.http.request import HttpRequest
from services.simulator.http.server import ApiError, Handler, SimulatorServer
from services.simulator.websocket.faults import MessageFault, SubscriptionFault, SubscriptionTrouble, Trouble
from services.simulator.websocket.server import WebsocketServer


class Admin:
    """The switches of one server."""

    def __init__(self, server: SimulatorServer, floor: SimulatorState) -> None:
        self._server, self._floor = server, floor

    def answers(self) -> dict[str, Handler]:
        """By name."""
        table: dict[str, Handler] = {
            "weather": self.weather, "fault": self.fault, "price": self.price, "skew": self.skew,
            "funding": self.funding, "order": self.order, "withdraws": self.withdraws, "book": self.book,
            "asked": self.asked, "fees": self.fees, "reads_only": self.reads_only, "setting": self.setting,
            "market": self.market, "close_out": self.close_out, "deposit": self.deposit, "quiet": self.quiet,
        }  # fmt: skip
        return {name: checked(answer) for name, answer in table.items()}

    def weather(self, asked: HttpRequest) -> object:
        """Fields of Weather, e.g. {"seed": 7, "chances": {"drop_after": 0.05}}; the rest stays. {} shows it."""
        now = self._floor.weather
        for key, value in (asked.content or {}).items():
            if key not in ("seed", "chances", "late_ms", "slow_ms", "apart_ms", "stale_ms"):
                raise ApiError(400, {"error": f"the weather has no {key}"})
            setattr(now, key, value)
        try:
            now.__post_init__()
        except ValueError:
            now.chances = {}
            raise
        return {"seed": now.seed, "chances": now.chances, "stale_ms": now.stale_ms, "late_ms": now.late_ms}

    def fault(self, asked: HttpRequest) -> object:
        """Fields of Fault, e.g. {"mode": "DROP", "path": "/order", "method": "POST", "after": true}. {}: clears all."""
        fields: dict[str, Any] = asked.content or {}
        if not fields:
            for fault in self._server.faults:
                fault.release.set()
            self._server.faults.clear()
            return {}
        self._server.faults.append(Fault(**{**fields, "mode": FaultMode(fields["mode"])}))
        return {"faults": len(self._server.faults)}

    def price(self, asked: HttpRequest) -> object:
        """{"sym": ..., "price": "43000.00"}: from now on."""
        self._floor.book.prices.set(asked.content["sym"], Decimal(asked.content["price"]))
        return {}

    def skew(self, asked: HttpRequest) -> object:
        """{"ms": 5000}: the venue's clock is ahead."""
        self._floor.skew_ms = int(asked.content["ms"])
        return {}

    def funding(self, asked: HttpRequest) -> object:
        """{"sym": ..., "rate": "0.0001"}: paid now."""
        self._floor.fund(asked.content["sym"], Decimal(asked.content["rate"]))
        return {}

    def order(self, asked: HttpRequest) -> object:
        """{"sym": ..., "qty": "-0.5", "client_id": "", "limit": null}: as somebody else with the same account.

        "leg": "LONG", "SHORT" or "CROSS", see wallet.py. "trigger": "41000", "rises": false: it waits for that price;
        "algo": the venue's word for that kind, e.g. OKX's `conditional` and Binance's TAKE_PROFIT_MARKET.
        """
        content = asked.content
        limit, trigger = (
            None if content.get(name) is None else Decimal(content[name]) for name in ("limit", "trigger")
        )
        ask = NewOrder(
            content["sym"], Decimal(content["qty"]), content.get("client_id", ""),
            bool(content.get("reduce_only", False)), limit, leg=content.get("leg", ""), trigger=trigger,
            rises=bool(content.get("rises", False)), algo=content.get("algo", ""),
        )  # fmt: skip
        return self._floor.book.place(ask, self._floor.now_ms())._asdict()

    def fees(self, asked: HttpRequest) -> object:
        """{"in": "BNBUSDT"}: in the base currency of this listing; "": as the venue takes them without."""
        listing = asked.content["in"]
        if listing and listing not in self._floor.book.listings:
            raise KeyError(listing)
        self._floor.book.set(FEE_IN, listing)
        return {}

    def reads_only(self, asked: HttpRequest) -> object:
        """{"only": true}: the key may not trade."""
        self._floor.keys.reads_only = bool(asked.content["only"])
        return {}

    def setting(self, asked: HttpRequest) -> object:
        """{"key": "acctLv", "value": "4"}: of the account, see the head of the package for the keys."""
        self._floor.book.set(str(asked.content["key"]), str(asked.content["value"]))
        return {}

    def market(self, asked: HttpRequest) -> object:
        """{"sym": ..., "status": "SETTLING", "step": "0.01"}: the venue's own word, and fields of Listing."""
        sym, book = asked.content["sym"], self._floor.book
        fields = {name: Decimal(value) for name, value in asked.content.items() if name not in ("sym", "status")}
        book.listings[sym] = book.listings[sym]._replace(**fields)  # type: ignore[arg-type]
        if "status" in asked.content:
            book.set(f"status:{sym}", asked.content["status"])
        return {}

    def close_out(self, asked: HttpRequest) -> object:
        """{"sym": ..., "as": "liquidation"}: the venue ends the position; or `adl`, or `settlement`."""
        if asked.content["as"] not in ORIGINS:
            raise ValueError(f"as: one of {', '.join(ORIGINS)}")
        return [order._asdict() for order in self._floor.close_out(asked.content["sym"], asked.content["as"])]

    def quiet(self, asked: HttpRequest) -> object:
        """{"ms": 45000}: the best prices have not changed for so long, which is what a ticker's own time says."""
        self._floor.quiet_ms = int(asked.content["ms"])
        return {}

    def deposit(self, asked: HttpRequest) -> object:
        """{"currency": "BTC", "amount": "0.1"}: comes in; what is negative goes out."""
        content = asked.content
        amount = Decimal(content["amount"])
        return self._floor.book.pay("TRANSFER", "", content["currency"], amount, self._floor.now_ms())._asdict()

    def withdraws(self, asked: HttpRequest) -> object:
        """{"allowed": true}: the key may."""
        self._floor.keys.withdraws = bool(asked.content["allowed"])
        return {}

    def book(self, asked: HttpRequest) -> object:
        """The venue's own book."""
        book = self._floor.book
        book.advance(self._floor.now_ms())
        swaps = [sym for sym, listing in book.listings.items() if listing.kind == "swap"]
        return {
            "orders": [order._asdict() for order in book.orders()],
            "fills": [fill._asdict() for fill in book.fills],
            "payments": [payment._asdict() for payment in book.payments],
            "positions": {sym: book.wallet.holding(sym)._asdict() for sym in swaps},
            "legs": {
                sym: {leg: book.wallet.holding(sym, leg=leg)._asdict() for leg in book.wallet.legs(sym)}
                for sym in swaps
            },
            "cash": dict(book.wallet.cash),
            "settings": book.settings,
        }

    def asked(self, asked: HttpRequest) -> object:
        """{"path": "/order", "method": "POST"}: how often that was asked."""
        content = asked.content or {}
        return {"count": self._server.count(content.get("path", ""), content.get("method", ""))}


def checked(answer: Handler) -> Handler:
    """With a line that says what was wrong with the question."""

    def tried(asked: HttpRequest) -> object:
        try:
            return answer(asked)
        except (ArithmeticError, KeyError, TypeError, ValueError, Declined) as error:
            raise ApiError(400, {"error": f"{type(error).__name__}: {error}"}) from error

    return tried


# The switches of the websockets over HTTP: `POST http://127.0.0.1:PORT/_fake/NAME`, JSON in, JSON out.


class FeedAdmin:
    """Of one venue's feed."""

    def __init__(self, feed: WebsocketServer) -> None:
        self._feed = feed

    def answers(self) -> dict[str, Handler]:
        """By name."""
        table: dict[str, Handler] = {
            "feed": self.feed, "feed_fault": self.fault, "feed_cut": self.cut, "clock_jump": self.jump,
            "tape": self.tape, "feed_start": self.start,
        }  # fmt: skip
        return {name: checked(answer) for name, answer in table.items()}

    def feed(self, asked: HttpRequest) -> object:
        """Fields of FeedWeather, e.g. {"seed": 7, "chances": {"gap": 0.01}}; the rest stays. {} shows it."""
        weather = self._feed.weather
        if asked.content:
            weather.change(**asked.content)
        return {
            "seed": weather.seed, "chances": weather.chances, "struck": weather.struck, "open": len(self._feed.open),
            "subscribed": self._feed.subscribed,
        }  # fmt: skip

    def fault(self, asked: HttpRequest) -> object:
        """Fields of FeedFault, e.g. {"trouble": "gap", "stream": "btcusdt@trade", "size": 3}. {}: clears all."""
        fields: dict[str, Any] = asked.content or {}
        faults = self._feed.weather.faults
        if fields:
            faults.append(MessageFault(**{**fields, "trouble": Trouble(fields["trouble"])}))
        else:
            faults.clear()
        return {"faults": len(faults)}

    def start(self, asked: HttpRequest) -> object:
        """Fields of StartFault, e.g. {"what": "mute", "stream": "trades:BTC-USDT-SWAP", "times": 2}. {}: clears all."""
        fields: dict[str, Any] = asked.content or {}
        if fields:
            self._feed.at_start.append(SubscriptionFault(**{**fields, "what": SubscriptionTrouble(fields["what"])}))
        else:
            self._feed.at_start.clear()
        return {"faults": len(self._feed.at_start)}

    def cut(self, asked: HttpRequest) -> object:
        """{}: all connections are torn now."""
        count = len(self._feed.open)
        self._feed.abort()
        return {"torn": count}

    def jump(self, asked: HttpRequest) -> object:
        """{"ms": 5000, "for_ms": 1000}: the venue's clock, and back after that time; 0: it stays."""
        self._feed.jump(int(asked.content["ms"]), int(asked.content.get("for_ms", 0)))
        return {}

    def tape(self, asked: HttpRequest) -> object:
        """{"sym": "BTCUSDT", "first": 0, "last": 100}: what a perfect feed gives, by index; how many were until now."""
        tape = self._feed.floor.tapes.get(asked.content["sym"])
        if tape is None:
            raise ApiError(404, {"error": "no such tape"})
        count = tape.upto(self._feed.floor.now_ms())
        first, last = int(asked.content.get("first", 0)), int(asked.content.get("last", 0))
        return {
            "count": count, "past": tape.past, "end": tape.end, "start_ms": tape.start_ms,
            "trades": [trade._asdict() for trade in tape.trades(first, last)],
        }  # fmt: skip
