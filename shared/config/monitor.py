"""The monitor's settings say how soon an edge that is gone is seen, and where a person is told what happens.

Addresses are secrets: each stands in a file.
"""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, model_validator

from shared.config.section import Instance, Positive, Section
from shared.errors import ConfigError

MAX_BYTES = 65_536
MOST_URLS = 20
LOOPBACK = ("127.0.0.1", "localhost", "::1")

Bars = Annotated[int, Field(ge=2)]


class PageSettings(Section):
    """These settings configure the page, which the monitor serves.

    - on: whether it is served.
    - host, port: where it listens. Port 0: the one that it had last, else any that is free; `tickline run` wants that.
    - hosts: the names, each with its port, by which a browser reaches it, e.g. that of a published port; without them
      127.0.0.1 and localhost. Whoever listens elsewhere must name them.
    """

    on: bool = True
    host: Annotated[str, Field(pattern=r"^[0-9A-Za-z.:-]{1,64}$")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8_787
    hosts: tuple[Annotated[str, Field(pattern=r"^[0-9A-Za-z.\[\]:-]{1,260}$")], ...] = ()

    @model_validator(mode="after")
    def _names_its_hosts(self) -> "PageSettings":
        if not self.hosts and self.host not in LOOPBACK:
            raise ValueError(f'page.host is {self.host}: name in page.hosts how it is reached, e.g. ["127.0.0.1:8787"]')
        return self


class MonitorSettings(Section):
    """These settings configure the monitor.

    - on: whether there is one.
    - share: of the card's mean out of sample; an edge above it is no decay.
    - warn_bars, latch_bars: the mean time between two false alarms, in bars that a position was held through; without
      them 1 and 10 years of such bars. The first warns. The second latches DRIFT in the journal: nothing is added until
      `tickline resume DRIFT`.
    - pace_s: the least time between two looks at the bus.
    - page: where a browser sees the line.
    """

    on: bool = True
    instance: Instance = "monitor"
    share: Annotated[float, Field(ge=0.5, le=1)] = 0.5
    warn_bars: Bars | None = None
    latch_bars: Bars | None = None
    pace_s: Positive = 1.0
    page: PageSettings = PageSettings()


class AlertSettings(Section):
    """These settings configure the alerts, which the monitor sends; without the two files there are none.

    - urls_file: a file with one address a line, as apprise writes them (`tgram://…`, `ntfys://…`, `mailtos://…`); a
      line with # is a comment.
    - heartbeat_file: a file with the one http(s) address that is asked every `heartbeat_s` while line and exchange are
      well, e.g. of a service that calls you when it is not asked any more.
    - daily_at: when the daily line is sent, on this machine's clock; empty means never.
    - look_s: between two looks at journal and bus.
    - bundle_s: what happens within it goes into one message.
    - pause_s, longest_pause_s: between two messages; longer and longer while more and more happens.
    - timeout_s: of one message.
    - silent_s: for how long feed or exchange must say nothing.
    - away_s: for how long a service must not be at work.
    - arming_s: how long before its end an arming is about to end.
    """

    urls_file: Path | None = None
    heartbeat_file: Path | None = None
    daily_at: Annotated[str, Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$")] = "08:00"
    look_s: Positive = 2.0
    bundle_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 5.0
    pause_s: Positive = 10.0
    longest_pause_s: Positive = 300.0
    timeout_s: Positive = 20.0
    heartbeat_s: Positive = 60.0
    silent_s: Positive = 60.0
    away_s: Positive = 30.0
    arming_s: Positive = 3_600.0

    @property
    def on(self) -> bool:
        """Says whether anybody is told anything."""
        return self.urls_file is not None or self.heartbeat_file is not None


def read_urls(path: Path) -> list[SecretStr]:
    """Returns the addresses in a file; raises ConfigError, without its content, where it holds none or other things."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError(f"config: alerts: the file {path} cannot be read: {why}") from None
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    found = [(number, line) for number, line in lines if line and not line.startswith("#")]
    for number, line in found:
        if "://" not in line or not line.isprintable() or " " in line:
            raise ConfigError(f"config: alerts: {path} line {number} is no address: write one a line, e.g. tgram://…")
    if not found or len(found) > MOST_URLS or len(text) > MAX_BYTES:
        raise ConfigError(f"config: alerts: {path} must hold 1 to {MOST_URLS} addresses, one a line")
    return [SecretStr(line) for _, line in found]


def read_heartbeat(path: Path) -> SecretStr:
    """Returns the heartbeat's address; raises ConfigError, without its content, where it is no single http(s) one."""
    urls = read_urls(path)
    if len(urls) != 1 or not urls[0].get_secret_value().startswith(("http://", "https://")):
        raise ConfigError(f"config: alerts: {path} must hold one address that begins with https://")
    return urls[0]
