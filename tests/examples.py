"""How many examples a property test takes, where it is not the profile's number."""

from hypothesis import settings

FUZZ = 4  # times as many in `make fuzz`, which looks for new ones


def examples(usual: int) -> int:
    """Returns a test's number: `usual` in `make test`, which takes the same examples each time."""
    return usual if settings.default.derandomize else FUZZ * usual
