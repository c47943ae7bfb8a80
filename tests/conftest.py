"""What all tests share."""

from decimal import DefaultContext, setcontext

import pytest
from hypothesis import settings

# Examples have no deadline of their own: a busy machine is no failure. The time-out per test is pytest's.
settings.register_profile("tickline", deadline=None)
settings.load_profile("tickline")


@pytest.fixture(autouse=True)
def _decimal_context_of_its_own() -> None:
    """A test that calls ccxt without our guard changes how Decimals are rounded: no other test is to feel it."""
    setcontext(DefaultContext.copy())
