"""Features: what a model sees of the prices. Tensors come from `make_feature`; this needs no torch."""

from shared.features.feature import Feature
from shared.features.log_return import LogReturn
from shared.features.registry import make_feature

__all__ = ["Feature", "LogReturn", "make_feature"]
