"""What an account's requests are signed with, and how it is kept out of everything that is shown."""

import re
from dataclasses import dataclass

from pydantic import SecretStr

HIDDEN = "***"
_SIGNED = re.compile(r"(?i)((?:signature|sign|api_?key|listenkey|passphrase)[\"']?\s*[=:]\s*[\"']?)[^&\s\"',}]+")
MOST = 300


@dataclass(frozen=True)
class Credentials:
    """An API key. password: what OKX calls a passphrase.

    >>> Credentials(SecretStr("abc"), SecretStr("def"))
    Credentials(api_key=SecretStr('**********'), secret=SecretStr('**********'), password=None)
    """

    api_key: SecretStr
    secret: SecretStr
    password: SecretStr | None = None

    def redact(self, text: str) -> str:
        """The text in one line, without keys and signatures, and no longer than a person reads.

        >>> keys = Credentials(SecretStr("abc"), SecretStr("def"))
        >>> keys.redact("GET https://x/y?key=abc&signature=0123456789 failed")
        'GET https://x/y?key=***&signature=*** failed'
        """
        for secret in (self.api_key, self.secret, self.password):
            if secret is not None and secret.get_secret_value():
                text = text.replace(secret.get_secret_value(), HIDDEN)
        return " ".join(_SIGNED.sub(rf"\g<1>{HIDDEN}", text).split())[:MOST]
