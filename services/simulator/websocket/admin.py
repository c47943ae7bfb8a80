"""The switches of the websockets over HTTP: `POST http://127.0.0.1:PORT/_fake/NAME`, JSON in, JSON out."""

from typing import Any

from services.simulator.http.admin import checked
from services.simulator.http.request import Asked
from services.simulator.http.server import Answer, Refused
from services.simulator.websocket.feed import Feed
from services.simulator.websocket.random_faults import FeedFault, Trouble
from services.simulator.websocket.subscription_faults import AtStart, StartFault


class FeedAdmin:
    """Of one venue's feed."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def answers(self) -> dict[str, Answer]:
        """By name."""
        table: dict[str, Answer] = {
            "feed": self.feed, "feed_fault": self.fault, "feed_cut": self.cut, "clock_jump": self.jump,
            "tape": self.tape, "feed_start": self.start,
        }  # fmt: skip
        return {name: checked(answer) for name, answer in table.items()}

    def feed(self, asked: Asked) -> object:
        """Fields of FeedWeather, e.g. {"seed": 7, "chances": {"gap": 0.01}}; the rest stays. {} shows it."""
        weather = self._feed.weather
        if asked.content:
            weather.change(**asked.content)
        return {
            "seed": weather.seed, "chances": weather.chances, "struck": weather.struck, "open": len(self._feed.open),
            "subscribed": self._feed.subscribed,
        }  # fmt: skip

    def fault(self, asked: Asked) -> object:
        """Fields of FeedFault, e.g. {"trouble": "gap", "stream": "btcusdt@trade", "size": 3}. {}: clears all."""
        fields: dict[str, Any] = asked.content or {}
        faults = self._feed.weather.faults
        if fields:
            faults.append(FeedFault(**{**fields, "trouble": Trouble(fields["trouble"])}))
        else:
            faults.clear()
        return {"faults": len(faults)}

    def start(self, asked: Asked) -> object:
        """Fields of StartFault, e.g. {"what": "mute", "stream": "trades:BTC-USDT-SWAP", "times": 2}. {}: clears all."""
        fields: dict[str, Any] = asked.content or {}
        if fields:
            self._feed.at_start.append(StartFault(**{**fields, "what": AtStart(fields["what"])}))
        else:
            self._feed.at_start.clear()
        return {"faults": len(self._feed.at_start)}

    def cut(self, asked: Asked) -> object:
        """{}: all connections are torn now."""
        count = len(self._feed.open)
        self._feed.abort()
        return {"torn": count}

    def jump(self, asked: Asked) -> object:
        """{"ms": 5000, "for_ms": 1000}: the venue's clock, and back after that time; 0: it stays."""
        self._feed.jump(int(asked.content["ms"]), int(asked.content.get("for_ms", 0)))
        return {}

    def tape(self, asked: Asked) -> object:
        """{"sym": "BTCUSDT", "first": 0, "last": 100}: what a perfect feed gives, by index; how many were until now."""
        tape = self._feed.floor.tapes.get(asked.content["sym"])
        if tape is None:
            raise Refused(404, {"error": "no such tape"})
        count = tape.upto(self._feed.floor.now_ms())
        first, last = int(asked.content.get("first", 0)), int(asked.content.get("last", 0))
        return {
            "count": count, "past": tape.past, "end": tape.end, "start_ms": tape.start_ms,
            "trades": [trade._asdict() for trade in tape.trades(first, last)],
        }  # fmt: skip
