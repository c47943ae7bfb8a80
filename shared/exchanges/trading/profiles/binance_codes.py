"""Which of Binance's errors say that an order was not taken. The two APIs give one number different meanings.

U: BINANCE_DOCS/error-code, SPOT_DOCS/errors: all rows but those marked otherwise were found there (P) or in ccxt's
table, which quotes them (C). What is here in no table is no answer: see tests/unit/gateway/venues/codes.toml.
"""

from shared.exchanges.trading.exchange_facts import all_of
from shared.messages.reasons import Reason

BOTH = {
    **all_of(Reason.REQUEST_EXPIRED, "-1021"),
    **all_of(Reason.RATE_LIMITED, "-1003 -1008 -1015"),
    **all_of(Reason.KEY_REFUSED, "-1002 -1022 -1099 -2014 -2015"),
    **all_of(
        Reason.VENUE_REFUSED,
        "-1013 -1014 -1020 -1100 -1101 -1102 -1103 -1104 -1105 -1106 -1108 -1111 -1112 -1114 -1115 -1116 -1117 -1118"
        " -1119 -1121 -1128 -1130 -1131 -2010",
    ),
}
FUTURES = {
    **BOTH,
    **all_of(Reason.NO_MARGIN, "-2018 -2019 -2027 -2028"),
    **all_of(Reason.REQUEST_EXPIRED, "-5028"),
    **all_of(Reason.NOTHING_TO_REDUCE, "-2022 -4118"),
    **all_of(Reason.BELOW_MINIMUM, "-4003 -4004 -4164"),
    # -4109, -4411: an account that is inactive, an agreement that is not signed: other clients' records (K)
    **all_of(Reason.KEY_REFUSED, "-1005 -1011 -1109 -2017 -4087 -4088 -4109 -4202 -4411"),
    **all_of(
        Reason.VENUE_REFUSED,
        "-1126 -1136 -2020 -2021 -2023 -2024 -2025 -2026 -4001 -4002 -4005 -4006 -4007 -4013 -4014 -4015 -4016 -4020"
        " -4023 -4024 -4031 -4045 -4060 -4061 -4062 -4120 -4131 -4135 -4136 -4137 -4138 -4139 -4140 -4141 -4142 -4144"
        " -4183 -4184 -4192 -4210 -4211 -4400 -4401 -4402 -5021 -5022 -5037 -5038 -5039 -5040"
        " -4405 -4407 -4517 -4518 -4519",  # P: only what reduces is taken
    ),
}
SPOT = {  # there -2021 and -2022 speak of a replaced order, -2026 of one that was archived, -4xxx of withdrawals
    **BOTH,
    **all_of(Reason.KEY_REFUSED, "-2008"),
    **all_of(Reason.VENUE_REFUSED, "-1134 -1135"),
}
