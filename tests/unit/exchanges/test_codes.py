"""Every code in ccxt's tables of errors: a definite refusal, or listed as none. By API, not by exchange."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from shared.exchanges.client import load_ccxt, text_code
from shared.exchanges.registry import traded, trading_class, trading_profile
from shared.exchanges.trading.client import Stamp
from shared.exchanges.trading.orders import failed
from shared.messages.reasons import Reason
from shared.orders.answers import Ambiguous, Refused

LISTED: dict[str, Any] = tomllib.loads(Path(__file__).with_name("codes.toml").read_text())
BY_TEXT = "hyperliquid"  # its errors have no codes
APIS = [(name, kind) for name in traded() for kind in trading_class(name).by_kind if name != BY_TEXT]
TABLE = {"swap": "linear", "spot": "spot"}  # Binance's are split by market inside ccxt; the others have one


def tables(exchange: str, kind: str) -> list[dict[str, Any]]:
    own = getattr(load_ccxt(), exchange)().exceptions
    return [own, own[TABLE[kind]]] if TABLE[kind] in own else [own]


def codes(exchange: str, kind: str) -> set[str]:
    exact = {code for table in tables(exchange, kind) for code in table.get("exact", {})}
    return {code for code in exact if code.lstrip("-").isdigit()}


def listed(exchange: str, kind: str) -> tuple[set[str], set[str]]:
    own = LISTED[exchange]
    own = own.get(kind, own)
    return set(own["unknown"].split()), set(own["elsewhere"].split())


def decided(exchange: str, kind: str) -> set[str]:
    facts = trading_profile(exchange, kind).facts
    return {*facts.refusals, *facts.duplicate, *facts.unknown, *facts.unchanged, *facts.in_the_way}


@pytest.mark.parametrize(("exchange", "kind"), APIS)
def test_every_code_that_ccxt_knows_is_decided_or_listed_as_no_refusal(exchange: str, kind: str) -> None:
    unknown, elsewhere = listed(exchange, kind)
    assert codes(exchange, kind) == (decided(exchange, kind) & codes(exchange, kind)) | unknown | elsewhere
    assert not unknown & elsewhere
    assert not (unknown | elsewhere) & decided(exchange, kind)


@pytest.mark.parametrize("exchange", traded())
def test_what_ccxt_finds_by_words_is_listed(exchange: str) -> None:
    words = {
        word
        for kind in TABLE
        for table in tables(exchange, kind)
        for part in ("exact", "broad")
        for word in table.get(part, {})
        if not word.lstrip("-").isdigit()
    }
    known = decided(exchange, "swap")
    rest = {word for word in words if not any(code.startswith(text_code(word)) for code in known)}
    assert rest == set(LISTED["texts"].get(exchange, []))


def answered(exchange: str, kind: str, code: str, status: int = 200) -> Refused | Ambiguous:
    body = {
        "binance": f'{{"code": {code}, "msg": "m"}}',
        "bybit": f'{{"retCode": {code}, "retMsg": "m"}}',
        "okx": f'{{"code": "1", "msg": "all", "data": [{{"sCode": "{code}", "sMsg": "m"}}]}}',
    }[exchange]
    stamp = Stamp(status, body if status != 451 else "", signed=True)
    return failed(trading_profile(exchange, kind).facts, stamp, RuntimeError("ccxt's"))


@pytest.mark.parametrize(
    ("exchange", "kind", "code"),
    [
        *(("binance", "swap", code) for code in ("-4411", "-4109", "-4202", "-1109", "-2026", "-2021", "-2022")),
        *(("bybit", kind, code) for kind in TABLE for code in ("10024", "110090", "30208", "110066")),
        *(("okx", kind, code) for kind in TABLE for code in ("51202", "51024", "51155", "54031", "51137", "51290")),
    ],
)
def test_a_definite_refusal_is_one(exchange: str, kind: str, code: str) -> None:
    assert isinstance(answered(exchange, kind, code), Refused)


PRICED = {
    # P: a limit too far from the mark, a stop too many, one that would fire at once, at the wrong endpoint, beside
    # another of the whole position (K); an order that was to fill at once in full
    ("binance", "swap"): "-4016 -4024 -4014 -4045 -2021 -4120 -4130 -5021",
    ("binance", "spot"): "-1013 -2010",  # P: a price beyond its filters; a stop that would fire at once
    ("bybit", "swap"): "110009 110092 110093 110003 110120 110121",
    ("bybit", "spot"): "170193 170194 170371 170372 170134",
    ("okx", "swap"): "51006 51137 51138 51277 51278 51279 51280 51300 51308 51327 51328 51329 51330 51331 51150",
    ("okx", "spot"): "51006 51137 51138 51277 51278 51279 51280 51415",
}


@pytest.mark.parametrize(("exchange", "kind", "code"), [(*of, code) for of in PRICED for code in PRICED[of].split()])
def test_what_an_order_with_a_price_is_refused_for_is_definite(exchange: str, kind: str, code: str) -> None:
    fate = answered(exchange, kind, code)
    assert isinstance(fate, Refused) and fate.reason is Reason.VENUE_REFUSED


@pytest.mark.parametrize("code", ["51065", "51068"])
def test_an_id_that_waits_there_already_is_no_refusal(code: str) -> None:
    assert isinstance(answered("okx", "swap", code), Ambiguous)


@pytest.mark.parametrize("code", ["-2026", "-2021", "-2022", "-2019", "-4411", "-4003"])
def test_what_refuses_on_futures_says_something_else_on_spot(code: str) -> None:
    """P: on spot -2026 is an archived order, -2021 and -2022 one that was to be replaced, -4003 an email."""
    assert isinstance(answered("binance", "swap", code), Refused)
    assert isinstance(answered("binance", "spot", code), Ambiguous)


@pytest.mark.parametrize("kind", TABLE)
def test_the_law_of_the_place_is_a_refusal(kind: str) -> None:
    fate = answered("binance", kind, "0", 451)
    assert isinstance(fate, Refused) and fate.reason is Reason.KEY_REFUSED


@pytest.mark.parametrize("body", [
    '{"code": "50013", "msg": "Systems are busy. Please try again later.", "data": []}',
    '{"code": "1", "msg": "", "data": [{"sCode": "50013", "sMsg": "Systems are busy. Please try again later."}]}',
])  # fmt: skip
def test_a_code_that_tells_nothing_is_no_refusal_whatever_its_status(body: str) -> None:
    """P: https://www.okx.com/docs-v5/en/#error-code-rest-api: 50013 comes with 429, as a limit (50011) does."""
    facts = trading_profile("okx", "swap").facts
    assert isinstance(failed(facts, Stamp(429, body, signed=True), RuntimeError("ccxt's")), Ambiguous)
    limited = failed(facts, Stamp(429, body.replace("50013", "50011"), signed=True), RuntimeError("ccxt's"))
    assert isinstance(limited, Refused) and limited.reason is Reason.RATE_LIMITED
    assert isinstance(failed(facts, Stamp(429, "", signed=True), RuntimeError("ccxt's")), Refused)


@pytest.mark.parametrize(("exchange", "kind"), APIS)
def test_what_is_listed_as_unknown_stays_so(exchange: str, kind: str) -> None:
    unknown, _ = listed(exchange, kind)
    assert unknown
    statuses = [200, *(status for status in trading_profile(exchange, kind).facts.refusal_statuses if status != 451)]
    fates = [answered(exchange, kind, code, status) for code in unknown for status in statuses]
    assert all(isinstance(fate, Ambiguous) for fate in fates)
