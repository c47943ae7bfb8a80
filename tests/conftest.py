"""What all tests share."""

from hypothesis import settings

# Examples have no deadline of their own: a busy machine is no failure. The time-out per test is pytest's.
settings.register_profile("tickline", deadline=None)
settings.load_profile("tickline")
