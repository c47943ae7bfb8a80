"""The settings of all services."""

from shared.config.settings import Settings, load_settings

__all__ = ["Settings", "load_settings"]
