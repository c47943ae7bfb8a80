"""What an account's requests are signed with, and how it is kept out of everything that is shown."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from shared.errors import ConfigError

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

    def check_complete(self, exchange: str, asked_for: Mapping[str, bool]) -> None:
        """ConfigError where the exchange's keys have a part that was not given. asked_for: by ccxt's names."""
        given = {"apiKey", "secret", *(("password",) if self.password else ())}
        lacking = sorted({name for name, needed in asked_for.items() if needed} - given)
        if lacking == ["password"]:
            raise ConfigError(
                f"config: a key of {exchange} has a password (passphrase): put it into a file api_password in the "
                "folder gateway.keys_dir, or into TICKLINE_GATEWAY__API_PASSWORD"
            )
        if lacking:
            raise ConfigError(f"[gateway] exchange {exchange} asks for {', '.join(lacking)}: it cannot be traded here")

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
