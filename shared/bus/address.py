"""The address of a bus: what is one, what may be shown of it, and what to do when it does not let us in.

redis-py takes much for an address that is none: of `redis://:a@b/c@HOST` (a password with a slash) it makes the host
`b`, and shows it; of `redis:///path` its own host; a path that is no number is database 0.
"""

import re

from redis.exceptions import AuthenticationError, NoPermissionError, ReadOnlyError

from shared.errors import ConfigError

_HOW = "write redis://HOST:PORT/0, and in a password %2F for /, %3F for ?, %23 for # and %40 for @"
_SERVER = re.compile(
    r"(?P<scheme>rediss?)://(?:[^/?#@]*@)?(?P<place>(?:\[[0-9a-fA-F:.]+\]|[^@/?#:\[\]\s]+)(?::\d{1,5})?(?:/\d*)?)"
    r"(?:\?[^#@?]*)?"
)
_SOCKET = re.compile(r"(?P<scheme>unix)://(?:[^/?#@]*@)?(?P<place>/[^?#@\s]+)(?:\?[^#@?]*)?")
_SCHEME = re.compile(r"(rediss?|unix)://")


def check_address(url: str) -> None:
    """Raise ConfigError for what is no address of a bus, or could be read as another one.

    >>> check_address("redis://signal:s%2Fcret@bus:6379/0")
    >>> check_address("redis://:s/cret@bus:6379/0")
    Traceback (most recent call last):
    shared.errors.ConfigError: config: bus.url 'redis://...' is no address of a bus: write redis://HOST:PORT/0, ...
    """
    if not (_SERVER.fullmatch(url) or _SOCKET.fullmatch(url)):
        raise no_address(url)


def no_address(url: str) -> ConfigError:
    """Why a url is refused; without its cause, which may hold a part of the password."""
    return ConfigError(f"config: bus.url {without_password(url)!r} is no address of a bus: {_HOW}")


def without_password(url: str) -> str:
    """The address as it may be shown; of what is none only how it begins, as any of it may be of the password.

    >>> without_password("redis://user:word@bus:6379/0?password=word")
    'redis://bus:6379/0'
    >>> without_password("redis://:wo/rd@bus"), without_password("redis://bus:word"), without_password("word")
    ('redis://...', 'redis://...', '...')
    """
    found = _SERVER.fullmatch(url) or _SOCKET.fullmatch(url)
    if found is not None:
        return f"{found['scheme']}://{found['place']}"
    scheme = _SCHEME.match(url)
    return f"{scheme[0] if scheme else ''}..."


def remedy(error: BaseException) -> str:
    """What to do about a server that answers, but not as a bus; empty where waiting is all.

    >>> remedy(ReadOnlyError("You can't write against a read only replica."))
    'it is a read-only replica: name its primary in bus.url'
    """
    text = str(error)
    if "without any password configured" in text:
        return "it has no password, but one was given: take it out of bus.url or bus.password_file"
    if isinstance(error, AuthenticationError) or "WRONGPASS" in text or "NOAUTH" in text:
        return "user or password is missing or wrong: correct it in bus.url or bus.password_file"
    if isinstance(error, ReadOnlyError):
        return "it is a read-only replica: name its primary in bus.url"
    if "DB index" in text or "SELECT is not allowed" in text:
        return "it has no such database: correct the number at the end of bus.url, e.g. /0"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "its certificate is not trusted: add ?ssl_ca_certs=FILE, its authority's, to bus.url"
    if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER_FAILURE" in text:
        return "it speaks no TLS: write redis:// for rediss:// in bus.url"
    if isinstance(error, NoPermissionError):
        return "the user of bus.url may not do this: give it the rights that `tickline bus-users` lists"
    return ""
