"""Models and their cards. Importing this needs no torch; its modules other than `card` do."""

from shared.models.card import Card, ModelRefused

__all__ = ["Card", "ModelRefused"]
