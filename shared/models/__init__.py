"""A model predicts from features, and its card says what it is. Of this room `card`, `choose` and `training` need no
torch.
"""

from shared.models.card import Card, ModelRefused

__all__ = ["Card", "ModelRefused"]
