"""What ccxt does not tell of a venue, each with where it stands. A code that is in no table is no answer: the order's
fate is unknown.

No venue could be asked from where this was written, and not every page be read. The links say where a row stands in
the venue's documentation; the letters say what it was checked against, last in November 2026:

    P  the text of the venue's own page or of its repository of pages, as stored copies have it, of various dates
    C  ccxt 4.5.90 has it, in its table of errors or in its code
    K  the table of errors of another open client (gocryptotrader for OKX)
    U  from an earlier reading only, and not found again: to be looked up before much depends on it
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.messages.reasons import Reason

BINANCE_DOCS = "https://developers.binance.com/docs/derivatives/usds-margined-futures"
BYBIT_DOCS = "https://bybit-exchange.github.io/docs/v5"
OKX_DOCS = "https://www.okx.com/docs-v5/en"


class Facts(NamedTuple):
    """client_id: the order's parameter for our id, and what it may look like. most_validity_ms: of a request.

    expiry: how a request says until when it is good: `window` (timestamp and recvWindow), `header` (expTime), or
    nothing. test: `sandbox` or `demo`. refusals: definite errors, by code; meant: the words that tell more than a code.
    duplicate: this client id is known already.
    unknown: no such order. unchanged: a setting was as wanted already. market_types: what ccxt loads for our kinds.
    exact_cost: whether an order tells exactly what its fills have cost, or its fills must be asked.
    protected: what is not, in words, for the person who opts in.
    """

    client_id: str = "clientOrderId"
    client_id_form: re.Pattern[str] = re.compile(r"^[A-Za-z0-9]{1,32}$")
    expiry: str = ""
    most_validity_ms: int = 0
    test: str = "sandbox"
    refusals: Mapping[str, Reason] = {}
    refusal_statuses: Mapping[int, Reason] = {}
    meant: Mapping[str, Reason] = {}
    duplicate: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    unchanged: frozenset[str] = frozenset()
    market_types: Mapping[str, str] = {}
    options: Mapping[str, Any] = {}
    swap_params: Mapping[str, Any] = {}
    spot_params: Mapping[str, Any] = {}
    exact_cost: bool = False
    page: int = 100
    newest_first: bool = False


def _all(reason: Reason, codes: str) -> dict[str, Reason]:
    return dict.fromkeys(codes.split(), reason)


BINANCE = Facts(
    client_id="newClientOrderId",  # C, the form U: BINANCE_DOCS/trade/rest-api/New-Order; unique among open orders only
    client_id_form=re.compile(r"^[.A-Z:/a-z0-9_-]{1,36}$"),
    expiry="window",  # U: BINANCE_DOCS/general-info#timing-security
    most_validity_ms=60_000,
    test="demo",  # C: futures' testnet is gone; https://www.binance.com/en/support/faq/detail/9be58f73e5e14338809e3b705b9687dd
    # C: every code. P: -1000 to -1023, -4131, -4140, -4164, -5028, and what those that tell nothing mean.
    refusals={  # BINANCE_DOCS/error-code; -1000, -1001, -1006, -1007 say that nobody knows
        **_all(Reason.NO_MARGIN, "-2018 -2019 -2027 -2028"),
        **_all(Reason.REQUEST_EXPIRED, "-1021 -5028"),
        **_all(Reason.RATE_LIMITED, "-1003 -1008 -1015"),
        **_all(Reason.NOTHING_TO_REDUCE, "-2022 -4118"),
        **_all(Reason.BELOW_MINIMUM, "-4003 -4004 -4164"),
        **_all(Reason.KEY_REFUSED, "-1002 -1022 -2014 -2015 -4087 -4088"),
        **_all(
            Reason.VENUE_REFUSED,
            "-1013 -1100 -1101 -1102 -1103 -1104 -1105 -1106 -1111 -1115 -1116 -1117 -1118 -1119 -1121 -1125 -1130"
            " -2010 -2020 -2023 -2024 -2025 -4005 -4015 -4023 -4061 -4131 -4140 -4192 -4400 -4401 -4402",
        ),
    },
    # U: BINANCE_DOCS/general-info#http-return-codes: 403 is the firewall, 429 and 418 are limits; no engine is reached
    refusal_statuses={403: Reason.RATE_LIMITED, 418: Reason.RATE_LIMITED, 429: Reason.RATE_LIMITED},
    # U: https://developers.binance.com/docs/binance-spot-api-docs/errors: -2010 and -1013 have many reasons
    meant={"insufficient balance": Reason.NO_MARGIN, "NOTIONAL": Reason.BELOW_MINIMUM},
    duplicate=frozenset({"-4116"}),  # C, as the two below
    unknown=frozenset({"-2013", "-2011"}),
    unchanged=frozenset({"-4046", "-4059"}),
    market_types={"swap": "linear", "spot": "spot"},
    exact_cost=True,  # C: cumQuote, cummulativeQuoteQty
    page=1000,
)
BYBIT = Facts(
    client_id="orderLinkId",  # C, the letters U: BYBIT_DOCS/order/create-order: 36 letters, digits, dashes, underscores
    client_id_form=re.compile(r"^[A-Za-z0-9_-]{1,36}$"),
    expiry="window",  # U: BYBIT_DOCS/guide#parameters-for-authenticated-endpoints
    most_validity_ms=60_000,
    test="demo",  # U: BYBIT_DOCS/demo
    # C: every code but -1, 10429, 110074. P: 10xxx, 33004, 110001 to 110052; 10429 for websockets. U: -1, 110074.
    refusals={  # BYBIT_DOCS/error; 10000 and 10016 say that nobody knows
        **_all(Reason.NO_MARGIN, "110004 110006 110007 110012 110044 110045 110052 170131"),
        **_all(Reason.REQUEST_EXPIRED, "10002 -1"),
        **_all(Reason.RATE_LIMITED, "10006 10018 10429"),
        **_all(Reason.NOTHING_TO_REDUCE, "110017"),
        **_all(Reason.BELOW_MINIMUM, "110094 170136 170140"),
        **_all(Reason.KEY_REFUSED, "10003 10004 10005 10009 10010 33004 10008 10027"),
        **_all(Reason.VENUE_REFUSED, "10001 110003 110020 110021 110023 110074 170124 170134 170135"),
    },
    refusal_statuses={403: Reason.RATE_LIMITED, 429: Reason.RATE_LIMITED},
    duplicate=frozenset({"110072", "170141"}),  # C
    unknown=frozenset({"110001", "20001", "170213"}),  # C; 110001 also P
    unchanged=frozenset({"110025", "110043", "110026"}),  # C, P
    market_types={"swap": "linear", "spot": "spot"},
    swap_params={"positionIdx": 0},  # U: BYBIT_DOCS/order/create-order: one-way
    spot_params={"marketUnit": "baseCoin"},  # C: BYBIT_DOCS/order/create-order: else a market buy's qty is quote
    exact_cost=True,  # C: cumExecValue
    page=100,
    newest_first=True,
)
OKX = Facts(
    client_id="clOrdId",  # C, the letters U: OKX_DOCS/#order-book-trading-trade-post-place-order: 32 letters and digits
    client_id_form=re.compile(r"^[A-Za-z0-9]{1,32}$"),
    expiry="header",  # U: OKX_DOCS/#overview-transaction-timeouts: expTime, ms
    most_validity_ms=30_000,  # U: OKX_DOCS/#overview-rest-authentication-making-requests: a timestamp is good for 30 s
    test="sandbox",  # C: OKX_DOCS/#overview-demo-trading-services: x-simulated-trading
    # C: every code but these. K: 50029 50030 50032 50033 50035 50036 50037. U: 50040 50119 50120 50121 50122 51169.
    refusals={  # OKX_DOCS/#error-code-rest-api; 50001, 50004, 50013, 50026, 51149 say that nobody knows
        **_all(Reason.NO_MARGIN, "51008 51119 51127 51131"),
        **_all(Reason.REQUEST_EXPIRED, "50036 50037 50102"),
        **_all(Reason.RATE_LIMITED, "50011 50040 50061"),
        **_all(Reason.NOTHING_TO_REDUCE, "51169 51205"),
        **_all(Reason.BELOW_MINIMUM, "51020 50122"),
        **_all(
            Reason.KEY_REFUSED,
            "50030 50035 50100 50101 50103 50104 50105 50106 50107 50110 50111 50112 50113 50114 50119 50120 50121",
        ),
        **_all(
            Reason.VENUE_REFUSED,
            "50000 50002 50006 50014 50015 50016 50024 50027 50028 50029 50032 50033 51000 51001 51003 51004 51005"
            " 51006 51010 51121",
        ),
    },
    refusal_statuses={429: Reason.RATE_LIMITED},
    duplicate=frozenset({"51016", "50071"}),  # C; 50071: U
    unknown=frozenset({"51603"}),  # C, K
    market_types={"swap": "swap", "spot": "spot"},
    options={"createOrder": "privatePostTradeOrder"},  # ccxt would take the batch route, whose errors have another form
    swap_params={"tdMode": "isolated"},
    spot_params={"tdMode": "cash", "tgtCcy": "base_ccy"},  # else a market buy's sz is quote
    page=100,
    newest_first=True,
)
FACTS: Mapping[str, Facts] = {"binance": BINANCE, "bybit": BYBIT, "okx": OKX}
UNLISTED = Facts()
NOT_PROTECTED = (
    "nothing here knows how it looks orders up by client id, which errors mean that it has not taken an order, and "
    "whether a request can expire: every failure is UNKNOWN until it is found, and an order may arrive after it was "
    "given up"
)
