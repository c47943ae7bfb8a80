"""The config holds the settings of all services."""

from shared.config.gateway import ON_PAPER, Mode
from shared.config.settings import Settings, load_settings

__all__ = ["ON_PAPER", "Mode", "Settings", "load_settings"]
