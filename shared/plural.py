"""Counts in sentences for a person."""


def plural(count: int, one: str, many: str = "", spec: str = "") -> str:
    """The function returns the count with its word; many: what `one` and an s do not give. spec: how it is formatted.

    >>> plural(1, "book"), plural(0, "book"), plural(2, "order is", "orders are"), plural(1200, "row", spec=",")
    ('1 book', '0 books', '2 orders are', '1,200 rows')
    """
    return f"{count:{spec}} {one if count == 1 else many or one + 's'}"
