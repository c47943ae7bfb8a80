"""Views as the monitor sends them: of a line at work, of one with nothing yet, and of a hostile exchange."""

import math
from typing import Any

AT_MS = 1_796_036_400_000  # 2026-11-30 11:00 UTC
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "ADAUSDT", "DOGEUSDT", "LINKUSDT", "AVAXUSDT")
HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>alert(1)</script>&amp;'\""
ACTS = ("halt", "disarm", "reduce-only", "cancel-all", "flatten")
ON_PAPER = "On paper nothing lies at an exchange."


def empty(mode: str = "paper") -> dict[str, Any]:
    """A line that has just begun."""
    return {
        "revision": 1,
        "as_of_ms": AT_MS,
        "mode": mode,
        "account": None,
        "venue": None,
        "halted": None,
        "arming": None,
        "line": [],
        "arrows": [],
        "ages": None,
        "equity": {"points": []},
        "positions": [],
        "orders": [],
        "decisions": [],
        "drift": {"state": "no edge shown", "sentence": None, "verdict": None},
        "reconciliation": {"differences": [], "checked_age_s": None, "why_not": None},
        "alerts": [],
        "acts": {},
        "notes": [],
        "worst": None,
        "stale": [],
    }


def busy(mode: str = "live", **more: Any) -> dict[str, Any]:
    """A line that works on eight symbols, with something in every place."""
    paper = mode == "paper"
    services = [("ingestor", 1), ("signal", 2), ("strategy", 1), ("gateway", 1), ("monitor", 1), ("recorder", 1)]
    streams = {
        "ticks": 40.0,
        "features": 39.8,
        "predictions": 39.8,
        "decisions": 39.8,
        "orders": 1.25,
        "executions": 1.25,
    }
    return {
        **empty(mode),
        "revision": 812,
        "account": "paper" if paper else "main",
        "venue": "paper" if paper else "binance",
        "arming": None
        if paper
        else {"left_s": 42_060, "max_notional": "2500", "loss_budget": "250", "loss_left": "203.41"},
        "line": [
            {
                "service": service,
                "up": True,
                "owners": [
                    {
                        "replica": f"{service[:3]}-{number}a4f",
                        "partitions": list(range(number * 8 // of, (number + 1) * 8 // of)),
                        "restarts": number,
                    }
                    for number in range(of)
                ],
            }
            for service, of in services
        ],
        "arrows": [{"stream": name, "per_second": rate, "lag": 3, "age_s": 0.2} for name, rate in streams.items()],
        "ages": {"feed_s": 0.1, "bus_s": 0.0, "exchange_s": None if paper else 1.4},
        "equity": {
            "now": "10234.567891",
            "exposure": "26964.85",
            "unrealised": "-12.30",
            "today": "88.42",
            "drawdown": "0.0123",
            "max_drawdown": "0.0871",
            "fees": "41.07",
            "fees_of_gross": "0.148",
            "band": "The band holds 90 % of the backtest's ways.",
            "points": [_point(i) for i in range(400)],
        },
        "positions": [_position(i, symbol) for i, symbol in enumerate(SYMBOLS)],
        "orders": [_order(i) for i in range(14)],
        "decisions": [_decision(i) for i in range(30)],
        "drift": {
            "state": "ok",
            "sentence": "688 held bars, M is 12 of 726: decay is not near.",
            "verdict": "No edge shown: the evidence is 1.00 of 20.",
        },
        "reconciliation": {
            "differences": []
            if paper
            else [{"symbol": "ETHUSDT", "sentence": "the exchange holds 0.5, the journal 0.4: tickline resolve"}],
            "checked_age_s": None if paper else 12.0,
            "why_not": ON_PAPER if paper else None,
        },
        "alerts": [
            {
                "ms": AT_MS - 20_000,
                "kind": "UNKNOWN order",
                "text": "ETHUSDT: for 30 s nobody knows what became of 9f31c2aa",
                "over": False,
            },
            {"ms": AT_MS - 600_000, "kind": "silent feed", "text": "binance: nothing was heard for 60 s", "over": True},
        ],
        "notes": ["The monitor began 20 s ago: what was before it does not know."],
        "worst": None if paper else "If everything dies now: at most 312.40 by stops, 1,890.11 by liquidation.",
        "acts": acts(paper),
        **more,
    }


def acts(paper: bool) -> dict[str, Any]:
    """What can be done; on paper two cannot."""
    why_not = {name: ON_PAPER if paper and name in ("cancel-all", "flatten") else None for name in ACTS}
    return {
        name: {"enabled": why is None, "why_not": why, "confirm": name, "what": None} for name, why in why_not.items()
    }


def hostile() -> dict[str, Any]:
    """Every text is one that would be markup."""
    return _spoilt(busy("live"))


def _spoilt(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _spoilt(it, name) for name, it in value.items()}
    if isinstance(value, list):
        return [_spoilt(it, key) for it in value]
    fixed = ("mode", "service", "stream", "state")
    return f"{HOSTILE}{value}" if isinstance(value, str) and key not in fixed else value


def trace() -> dict[str, Any]:
    """A chain from the tick to the fill."""
    texts = [
        "tick: 67,412.1, known at 10:59:58.2, from binance",
        "prediction: y_hat 0.0021",
        "decision: from flat to 0.4",
        "risk: no limit refuses it",
        "exchange: sent, NEW, FILLED",
        f"report: 0.4 at 67,413; {HOSTILE}",
    ]
    return {"steps": [{"ms": AT_MS - 2000 + 100 * i, "text": text} for i, text in enumerate(texts)]}


def symbol() -> dict[str, Any]:
    """Prices of half an hour, with decisions and fills."""
    times = [AT_MS - 1_800_000 + 6000 * i for i in range(300)]
    prices = [67_000 + 400 * math.sin(i / 30) for i in range(300)]
    points = [[ms, price, 0.002 * math.cos(i / 30)] for i, (ms, price) in enumerate(zip(times, prices, strict=True))]
    marks = [
        {
            "ms": times[i],
            "kind": kind,
            "side": side,
            "price": str(prices[i]),
            "text": f"{kind} {i}",
            "trace": f"binance:BTCUSDT:{times[i]}:{i}",
        }
        for i, kind, side in (
            (40, "decision", None),
            (41, "fill", "BUY"),
            (150, "decision", None),
            (160, "fill", "SELL"),
        )
    ]
    return {"points": points, "marks": marks}


def _point(i: int) -> list[float]:
    path = 10_000 + i * 0.5 + 60 * math.sin(i / 25)
    wide = 20 * math.sqrt(i + 1)
    return [
        AT_MS - (400 - i) * 43_200_000 // 10,
        path,
        10_000 + i * 0.7 - wide,
        10_000 + i * 0.7 + wide,
        10_000 + i * 0.2 + 90 * math.sin(i / 17),
    ]


def _position(i: int, symbol: str) -> dict[str, Any]:
    held = i % 3 != 2
    return {
        "symbol": symbol,
        "size": f"{'-' if i % 2 else ''}{0.4 + i}" if held else "0",
        "value": f"{67412.12 * (0.4 + i):.2f}" if held else "0",
        "entry": "67123.4" if held else None,
        "price": "67412.12",
        "price_age_s": 0.3 + i,
        "stop": "65800" if held and i != 1 else None,
        "naked": i == 1,
        "unrealised": str(115.48 - 60 * i) if held else "0",
        "today": str(20 - 7 * i),
    }


def _order(i: int) -> dict[str, Any]:
    unknown = i == 1
    status = ("PARTIALLY_FILLED", "UNKNOWN", "REJECTED")[i] if i < 3 else "FILLED"
    return {
        "client_order_id": f"tl-{9000 - i}",
        "symbol": SYMBOLS[i % 8],
        "side": "BUY" if i % 2 else "SELL",
        "quantity": "0.40",
        "status": status,
        "unknown": unknown,
        "age_s": 31.0 + 60 * i,
        "ms": AT_MS - 31_000 - 60_000 * i,
        "price": "67413.0",
        "filled": None if unknown else "0.40",
        "reason": "ORDER_NOTIONAL" if i == 2 else None,
        "trace": f"tl-{9000 - i}",
        "fill": i > 2,
    }


def _decision(i: int) -> dict[str, Any]:
    sentence = (
        "BELOW_THRESHOLD: no order; |y_hat| 0.0004, and it must be above the threshold of 0.001"
        if i % 3
        else "from flat to 0.4 at 67,412.1, since y_hat 0.0021 is above the threshold of 0.001"
    )
    return {
        "ms": AT_MS - 5000 * i,
        "symbol": SYMBOLS[i % 8],
        "sentence": sentence,
        "reason": "BELOW_THRESHOLD" if i % 3 else None,
        "trace": f"binance:{SYMBOLS[i % 8]}:{AT_MS - 5000 * i}:{900 - i}",
    }
