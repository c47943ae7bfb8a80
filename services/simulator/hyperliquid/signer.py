"""Who has signed an action of Hyperliquid's: what its exchange finds out, and the simulator with it.

Written by the official SDK's rules (hyperliquid-dex/hyperliquid-python-sdk, hyperliquid/utils/signing.py), apart from
ccxt's, which sign our own actions: either is checked by the other, and both by the SDK's recorded signatures.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgpack

from shared.exchanges.client import load_ccxt

WORD = 32
ADDRESS = 20
EIP712 = b"\x19\x01"
ZERO = b"\x00"
CHAIN = 1337
DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
AGENT = "Agent(string source,bytes32 connectionId)"
FIRST_V = 27


class NotSigned(ValueError):
    """No key has made this signature."""


def signer_of(
    action: Mapping[str, Any],
    nonce: int,
    signature: Mapping[str, Any],
    *,
    testnet: bool,
    vault: str | None = None,
    expires_after: int | None = None,
) -> str:
    """Returns the address, in lower case, of the key that has signed this. Raises NotSigned.

    - action: as it was posted, in the order of its fields
    - nonce, expires_after: ms
    - signature: `r`, `s` as hexadecimal numbers, `v`
    - vault: the address that it is signed for
    """
    import coincurve

    digest = agent_digest(action_hash(action, nonce, vault=vault, expires_after=expires_after), testnet=testnet)
    try:
        r, s = (int(str(signature[name]), 16).to_bytes(WORD, "big") for name in "rs")
        made = coincurve.PublicKey.from_signature_and_message(
            r + s + bytes([int(signature["v"]) - FIRST_V]), digest, hasher=None
        )
    except (KeyError, OverflowError, ValueError, TypeError) as error:
        raise NotSigned(f"{type(error).__name__}: {error}") from None
    return address_of(made.format(compressed=False))


def address_of(public_key: bytes) -> str:
    """Returns the address of a public key, which is 65 bytes: 4, x, y."""
    return f"0x{_keccak(public_key[1:])[-ADDRESS:].hex()}"


def action_hash(
    action: Mapping[str, Any], nonce: int, *, vault: str | None = None, expires_after: int | None = None
) -> bytes:
    """Returns the hash of an action, of its nonce, of whom it is for and until when it is good.

    >>> order = {"a": 4, "b": True, "p": "1670.1", "s": "0.0147", "r": False, "t": {"limit": {"tif": "Ioc"}}}
    >>> action = {"type": "order", "orders": [order], "grouping": "na"}
    >>> action_hash(action, 1677777606040).hex()
    '0fcbeda5ae3c4950a548021552a4fea2226858c4453571bf3f24ba017eac2908'
    """
    told = msgpack.packb(action) + nonce.to_bytes(8, "big")
    told += ZERO if vault is None else b"\x01" + bytes.fromhex(vault.removeprefix("0x"))
    if expires_after is not None:
        told += ZERO + expires_after.to_bytes(8, "big")
    return _keccak(told)


def agent_digest(connection_id: bytes, *, testnet: bool) -> bytes:
    """Returns what is signed: the EIP-712 digest of an agent, whose `source` is the main net or the test net."""
    agent = _keccak(AGENT.encode()) + _keccak(b"b" if testnet else b"a") + connection_id
    return _keccak(EIP712 + _domain() + _keccak(agent))


@cache
def _domain() -> bytes:
    names = _keccak(DOMAIN.encode()) + _keccak(b"Exchange") + _keccak(b"1")
    return _keccak(names + CHAIN.to_bytes(WORD, "big") + bytes(WORD))


def _keccak(told: bytes) -> bytes:
    return bytes(load_ccxt().Exchange.hash(told, "keccak", "binary"))
