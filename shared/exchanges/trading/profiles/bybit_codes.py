"""Which of Bybit's errors say that an order was not taken: https://bybit-exchange.github.io/docs/v5/error.

All rows are on that page as stored copies of various dates have it (P), or in ccxt's table (C), but 10429 (P, of
websockets), 30208, 110074, 110090 and -1 (U). Between 110060 and 110070 the numbers have moved by one over the years:
there only those are here that refuse by each reading. What is in no table is no answer, and listed in
tests/unit/gateway/venues/codes.toml.
"""

from shared.exchanges.trading.exchange_facts import all_of
from shared.messages.reasons import Reason

REFUSALS = {
    **all_of(
        Reason.NO_MARGIN, "110004 110006 110007 110012 110044 110045 110051 110052 110053 131001 170033 170131 3200300"
    ),
    **all_of(Reason.REQUEST_EXPIRED, "10002 -1"),
    **all_of(Reason.RATE_LIMITED, "10006 10018 10429 170005 170222"),
    **all_of(Reason.NOTHING_TO_REDUCE, "110017"),
    **all_of(Reason.BELOW_MINIMUM, "110094 170136 170140"),
    **all_of(Reason.KEY_REFUSED, "10003 10004 10005 10007 10008 10009 10010 10024 10027 10028 10029 33004 -2015"),
    **all_of(
        Reason.VENUE_REFUSED,
        "10001 110003 110009 110016 110020 110021 110023 110032 110040 110042 110057 110063 110066 110067 110068 110069"
        " 110070 110074 110090 110092 110093 30208",
    ),
    **all_of(  # of spot
        Reason.VENUE_REFUSED,
        "170010 170011 170019 170031 170036 170037 170105 170115 170116 170117 170121 170124 170130 170132 170133"
        " 170134 170135 170137 170148 170151 170157 170159 170192 170193 170194 170197 170198 170199 170200 170201"
        " 170202 170209 170210 170217 170218 170221 170224 170227 170228 170229 170241 170371 170372",
    ),
}
