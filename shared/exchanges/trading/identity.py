"""Whose account a key is of: what a journal keeps of it, so that it is never traded with another account's key."""

from hashlib import blake2b

from shared.record import Record


class Identity(Record):
    """Hashes, never the key itself. salt: the journal's own. uid: of the exchange's number of the account, empty where
    it does not tell one: a new key of an account has the same. key: of the API key.

    >>> one = Identity.of("salt", "7", "first")
    >>> one.same_account(Identity.of("salt", "7", "second")), one.same_account(Identity.of("salt", "8", "first"))
    (True, False)
    >>> Identity.of("salt", "", "first").same_account(one), Identity.of("salt", "", "second").same_account(one)
    (True, False)
    """

    salt: str
    uid: str
    key: str

    @classmethod
    def of(cls, salt: str, uid: str, api_key: str) -> "Identity":
        """Of an account's number, where it is told, and its key."""
        return cls(salt=salt, uid=uid and _hash(salt, f"uid {uid}"), key=_hash(salt, f"key {api_key}"))

    def same_account(self, other: "Identity") -> bool:
        """Whether the two are of one account, of the same salt; unless both have a uid, their keys must be the same."""
        return self.uid == other.uid if self.uid and other.uid else self.key == other.key


def _hash(salt: str, text: str) -> str:
    return blake2b(text.encode(), digest_size=16, key=salt.encode()).hexdigest()
