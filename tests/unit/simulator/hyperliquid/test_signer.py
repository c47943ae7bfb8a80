"""Signatures as the official SDK has recorded them (its tests/signing_test.py), and ours by ccxt against them."""

from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from services.simulator.hyperliquid.rest import OWNER, OWNER_KEY, WALLET, WALLET_KEY
from services.simulator.hyperliquid.signer import NotSigned, signer_of
from shared.exchanges.client import load_ccxt

KEY = "0x" + ("0123456789" * 7)[:64]
ADDRESS = "0x14791697260e4c9a71f18484c9f997b308e59325"
CLOID = "0x00000000000000000000000000000001"
RECORDED = {
    False: (
        "0x41ae18e8239a56cacbc5dad94d45d0b747e5da11ad564077fcac71277a946e3",
        "0x3c61f667e747404fe7eea8f90ab0e76cc12ce60270438b2058324681a00116da", 27,
    ),
    True: (
        "0xeba0664bed2676fc4e5a743bf89e5c7501aa6d870bdb9446e122c9466c5cd16d",
        "0x7f3e74825c9114bc59086f1eebea2928c190fdfbfde144827cb02b85bbe90988", 28,
    ),
}  # fmt: skip


def action(**changes: Any) -> dict[str, Any]:
    order = {"a": 1, "b": True, "p": "100", "s": "100", "r": False, "t": {"limit": {"tif": "Gtc"}}, "c": CLOID}
    return {"type": "order", "orders": [order | changes], "grouping": "na"}


def client(key: str, *, testnet: bool) -> Any:
    made = load_ccxt().hyperliquid({"privateKey": key, "walletAddress": ADDRESS})
    made.set_sandbox_mode(testnet)
    return made


@pytest.mark.parametrize("testnet", [False, True])
def test_a_recorded_signature_is_that_of_its_key(testnet: bool) -> None:
    r, s, v = RECORDED[testnet]
    assert signer_of(action(), 0, {"r": r, "s": s, "v": v}, testnet=testnet) == ADDRESS
    assert signer_of(action(), 0, {"r": r, "s": s, "v": v}, testnet=not testnet) != ADDRESS


def test_ccxt_hashes_as_recorded() -> None:
    """Of times only: it writes a nonce with as many digits as those of our century have."""
    order = {"a": 4, "b": True, "p": "1670.1", "s": "0.0147", "r": False, "t": {"limit": {"tif": "Ioc"}}}
    hashed = SIGNING.action_hash({"type": "order", "orders": [order], "grouping": "na"}, None, 1677777606040, None)
    assert bytes(hashed).hex() == "0fcbeda5ae3c4950a548021552a4fea2226858c4453571bf3f24ba017eac2908"


SIGNING = client(KEY, testnet=False)
TIMES = st.integers(2**40, 2**44 - 2)  # 2004 to 2527


@settings(max_examples=20, deadline=None, phases=[Phase.generate])  # a signature takes ms
@given(
    nonce=TIMES, expires=st.none() | TIMES, size=st.integers(1, 10**9),
    changed=st.sampled_from(["nonce", "expires", "p", "s", "r", "b", "a", "c"]),
)  # fmt: skip
def test_any_other_content_is_signed_by_nobody_we_know(
    nonce: int, expires: int | None, size: int, changed: str
) -> None:
    signature = SIGNING.sign_l1_action(action(s=str(size)), nonce, None, expires)
    told: Any = {"nonce": nonce, "expires": expires, "p": "100", "s": str(size), "r": False, "b": True, "a": 1}
    told["c"] = CLOID

    def signer(of: dict[str, Any]) -> str:
        fields = {name: of[name] for name in ("p", "s", "r", "b", "a", "c")}
        return signer_of(action(**fields), of["nonce"], signature, testnet=False, expires_after=of["expires"])

    assert signer(told) == ADDRESS
    other = {
        "nonce": nonce + 1, "expires": 2**41 if expires is None else None, "p": "101", "s": str(size + 1), "r": True,
        "b": False, "a": 2, "c": CLOID[:-1] + "2",
    }  # fmt: skip
    assert signer(told | {changed: other[changed]}) != ADDRESS


@pytest.mark.parametrize("bad", [{}, {"r": "0x1"}, {"r": "x", "s": "0x1", "v": 27}, {"r": "0x1", "s": "0x1", "v": 99}])
def test_what_is_no_signature(bad: dict[str, Any]) -> None:
    with pytest.raises(NotSigned):
        signer_of(action(), 0, bad, testnet=False)


@pytest.mark.parametrize(("key", "address"), [(KEY, ADDRESS), (OWNER_KEY, OWNER), (WALLET_KEY, WALLET)])
def test_whose_key_it_is(key: str, address: str) -> None:
    assert SIGNING.eth_get_address_from_private_key(key).lower() == address
