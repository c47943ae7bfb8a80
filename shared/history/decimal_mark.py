"""Decimal commas, in files whose fields are not separated by commas."""


class DecimalMark:
    """Gives numbers with a point, and holds a file to one sign: in two of them a number would be read wrong.

    >>> mark = DecimalMark()
    >>> mark.plain("42079,63"), mark.plain("7")
    ('42079.63', '7')
    >>> mark.plain("42.079")
    Traceback (most recent call last):
    ValueError: number '42.079' has a point, but an earlier one has a comma: use one of them for decimals, and no...
    """

    def __init__(self) -> None:
        self._mark = ""

    def plain(self, text: str) -> str:
        """A number as `Decimal` reads it; a ValueError where it is not certain."""
        comma, point = "," in text, "." in text
        if not comma and not point:
            return text
        if comma and point:
            raise ValueError(f"number {text[:40]!r} has a comma and a point: write it without marks of thousands")
        mark = "," if comma else "."
        if self._mark not in ("", mark):
            names = {",": "comma", ".": "point"}
            raise ValueError(
                f"number {text[:40]!r} has a {names[mark]}, but an earlier one has a {names[self._mark]}: "
                f"use one of them for decimals, and no other mark"
            )
        self._mark = mark
        return text.replace(",", ".")
