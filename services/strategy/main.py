"""The strategy service: bus → stage → bus."""

from collections.abc import Sequence

import structlog

from services.strategy.live_stage import LIMITS_SINCE, LiveStrategyStage
from services.strategy.metrics import METRICS
from services.strategy.plan import plan
from services.strategy.stage import StrategyStage
from shared.bus.api import Session
from shared.bus.names import partition_of
from shared.config import Mode, Settings
from shared.errors import ConfigError
from shared.runner.backpressure import Backpressure, BusReader
from shared.runner.partition import Partition
from shared.runner.parts import ServiceParts
from shared.runner.service import serve
from shared.runner.spec import Limits

log = structlog.get_logger()


class StrategyFeeder:
    """The feeder takes the books back before it reads anything from the bus.

    So it refuses a book that does not fit the config at the start, not at that book's next prediction. Whenever the
    bus has another wire, it tells live books whether that has a word for an order's limit.
    """

    def __init__(self, bus: BusReader, settings: Settings) -> None:
        self._bus = bus
        self._settings = settings
        self._symbols: dict[int, list[str]] = {p: [] for p in range(settings.bus.partitions)}
        for sym in settings.symbols:
            self._symbols[partition_of(sym, settings.bus.partitions)].append(sym)
        self._restored: dict[int, int] = {}  # partition -> wire

    async def gather(self, session: Session, parts: Sequence[Partition], pressure: Backpressure, wait_s: float) -> None:
        """Gathers as BusReader does; raises SafetyRefusal or ConfigError for a book that it cannot take back.

        The books of one partition are taken back in a call: many of them take a while, and leases want to be renewed.
        """
        for part in parts:
            p = part.lease.partition.p
            if self._restored.get(p) != part.wire:
                self._take_back(part)
                self._restored[p] = part.wire
                return
        await self._bus.gather(session, parts, pressure, wait_s)

    def forget(self, p: int) -> None:
        """Forgets a partition that is loaded anew, or given up."""
        self._restored.pop(p, None)
        self._bus.forget(p)

    def _take_back(self, part: Partition) -> None:
        own, takes_limits = self._settings, part.wire >= LIMITS_SINCE
        if not takes_limits and own.gateway.mode is not Mode.PAPER:
            why = "an older Tickline takes part, or did so within bus.raise_after_s"
            log.warning(f"nothing is sent that adds within a limit: {why}", wire=part.wire)
        for sym in self._symbols[part.lease.partition.p]:
            stage = part.symbol(sym).stage
            assert isinstance(stage, StrategyStage)
            if isinstance(stage, LiveStrategyStage):
                stage.takes_limits = takes_limits
            if own.gateway.mode is Mode.PAPER:  # elsewhere the gateway judges it: it has the journal
                _check_capital(own, sym, stage)


def _check_capital(settings: Settings, sym: str, stage: StrategyStage) -> None:
    begun, wanted = stage.account.capital, settings.strategy.balance
    if begun != wanted:
        raise ConfigError(
            f"config: strategy.balance is {wanted:f}, but the book of {sym} on this bus was begun with {begun:f}, and "
            f"on paper nothing changes it: put {begun:f} back, or begin new books: another bus.namespace than "
            f"{settings.bus.namespace!r}"
        )


def build(settings: Settings, limits: Limits) -> ServiceParts:
    """Returns the parts of this process."""
    return ServiceParts(plan(settings), StrategyFeeder(BusReader(limits), settings), metrics=METRICS)


def main() -> None:
    """Runs the service."""
    serve("strategy", build)
