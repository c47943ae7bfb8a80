"""What the config says to the risk check."""

from typing import NamedTuple

from shared.config import Mode, Settings
from shared.config.fingerprint import config_hash
from shared.config.risk import RiskSettings


class Rules(NamedTuple):
    """symbols: that may be traded. config_hash: what an arming must have been given for."""

    mode: Mode
    limits: RiskSettings
    symbols: frozenset[str]
    config_hash: str

    @classmethod
    def of(cls, settings: Settings, model_sha256: str) -> "Rules":
        """The rules of a config and the weights that it uses."""
        limits = settings.gateway.risk
        symbols = frozenset(limits.symbols or settings.symbols)
        return cls(settings.gateway.mode, limits, symbols, config_hash(settings, model_sha256))
