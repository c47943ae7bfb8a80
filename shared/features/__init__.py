"""A feature is what a model sees of the market. This package imports torch only where a tensor is asked for."""

from shared.features.feature import AnyFeature, BarFeature, Feature
from shared.features.log_return import LogReturn
from shared.features.registry import make_feature
from shared.features.vector import FeatureVector

__all__ = ["AnyFeature", "BarFeature", "Feature", "FeatureVector", "LogReturn", "make_feature"]
