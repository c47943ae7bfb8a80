"""A feature is what a model sees of the prices. This package loads torch only in `make_feature`."""

from shared.features.feature import Feature
from shared.features.log_return import LogReturn
from shared.features.registry import make_feature

__all__ = ["Feature", "LogReturn", "make_feature"]
