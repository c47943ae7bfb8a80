"""The config holds the settings of all services."""

from shared.config.gateway import Mode
from shared.config.settings import Settings, load_settings

__all__ = ["Mode", "Settings", "load_settings"]
