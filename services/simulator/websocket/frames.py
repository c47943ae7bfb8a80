"""Websocket messages as bytes on the wire. A server's frames are not masked, so that one serves all clients.

https://www.rfc-editor.org/rfc/rfc6455#section-5.2
"""

TEXT = b"\x81"
SHORT, MIDDLE, LONG = 125, 126, 127


def framed(text: bytes) -> bytes:
    """A whole text message.

    >>> framed(b"{}")
    b'\\x81\\x02{}'
    """
    size = len(text)
    if size <= SHORT:
        return TEXT + bytes((size,)) + text
    if size < 1 << 16:
        return TEXT + bytes((MIDDLE,)) + size.to_bytes(2, "big") + text
    return TEXT + bytes((LONG,)) + size.to_bytes(8, "big") + text


def unframed(frame: bytes) -> bytes:
    """The text of what `framed` made.

    >>> [unframed(framed(b"x" * size)) == b"x" * size for size in (0, 125, 126, 65535, 65536)]
    [True, True, True, True, True]
    """
    return frame[{MIDDLE: 4, LONG: 10}.get(frame[1], 2) :]
