"""A count in a sentence needs the right word."""


def plural(count: int, one: str, many: str = "", spec: str = "") -> str:
    """Returns the count with its word.

    - many: the plural where it is not `one` and an s.
    - spec: the count's format.

    >>> plural(1, "book"), plural(0, "book"), plural(2, "order is", "orders are"), plural(1200, "row", spec=",")
    ('1 book', '0 books', '2 orders are', '1,200 rows')
    """
    return f"{count:{spec}} {one if count == 1 else many or one + 's'}"
