"""The metrics' settings say whether Prometheus may ask each service what it does, and where."""

from typing import Annotated

from pydantic import Field

from shared.config.section import Section


class MetricsSettings(Section):
    """These settings configure the metrics of every service.

    - on: whether each service answers `GET /metrics`.
    - host: the address that it listens at; beyond 127.0.0.1 anybody who reaches it reads what the books are worth.
    - port: 0 means a free one, which the service writes to `metrics/SERVICE.json` below `state_dir`, for file_sd.
    """

    on: bool = False
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 0
