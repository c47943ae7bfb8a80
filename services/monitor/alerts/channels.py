"""Channels carry messages to a person. Each has a thread of its own, so a slow or dead one holds up nothing.

apprise speaks to the services behind the addresses. What it says of a failure is told without any part of the address.
"""

import logging
import re
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias
from urllib.parse import unquote

from pydantic import SecretStr

from services.monitor.alerts.conditions import AlertKind, AlertMessage, Condition
from shared.errors import ConfigError
from shared.extras import to_install
from shared.intervals import NS_PER_S
from shared.plural import plural
from shared.record import Record
from shared.wall_time import LOCAL_TIME

MOST_WAITING = 50
FIRST_S, LONGEST_S = 5.0, 300.0  # before a message is tried again
SLOW_S = 5.0
LATE_NS = 60 * NS_PER_S
JOIN_S = 1.0
LONGEST = 200  # characters of a reason
ALONE = 3  # failures, after which the next message is tried: it may be the one that is refused, not the channel
SECRET_PART = 4  # characters; what is shorter in an address hides nothing


class WaitingMessage(Record):
    """A waiting message was not taken yet by the channel of this name; at_ns: since when."""

    channel: str
    at_ns: int
    title: str
    body: str


Notify: TypeAlias = Callable[[AlertMessage], str]  # sends it, and returns why it could not; empty where it could


class Channel:
    """A channel delivers messages one after the other, and tries each until it is taken.

    One that is refused again and again, while others get through, is given up, and counted.

    - name: for a person, without a secret.
    - trouble: why nothing gets through now; empty where all is well. Any thread may read it.
    - delivered: how many messages were taken.
    """

    def __init__(self, name: str, notify: Notify, *, first_s: float = FIRST_S, slow_s: float = SLOW_S) -> None:
        self.name = name
        self.delivered = 0
        self._notify = notify
        self._first_s, self._slow_s = first_s, slow_s
        self._waiting: deque[tuple[int, AlertMessage]] = deque()
        self._at_hand: tuple[int, AlertMessage] | None = None  # what the thread is at
        self._aside: tuple[int, AlertMessage] | None = None  # what is refused, while the one behind it is tried
        self._refused: tuple[int, AlertMessage] | None = None  # what was, while the one behind it got through
        self._lost = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._failed = ""
        self._slow = False
        self._asked_s: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"alerts {name}", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str:
        """Returns why nothing gets through, or that it takes long."""
        asked_s = self._asked_s
        if self._failed:
            return self._failed
        if self._slow or (asked_s is not None and time.monotonic() - asked_s > self._slow_s):
            return f"a message takes longer than {self._slow_s:g} s"
        return ""

    def send(self, message: AlertMessage) -> None:
        """Lets it be delivered soon; returns at once. Of too many that wait the oldest is given up, and counted."""
        with self._changed:
            if len(self._waiting) >= MOST_WAITING:
                self._waiting.popleft()
                self._lost += 1
            self._waiting.append((time.time_ns(), message))
            self._changed.notify_all()

    @property
    def waiting(self) -> list[WaitingMessage]:
        """Returns what was not taken yet, the oldest first."""
        with self._changed:
            at_hand = [one for one in (self._aside, self._at_hand) if one is not None]
            return [
                WaitingMessage(channel=self.name, at_ns=at_ns, title=message.title, body=message.body)
                for at_ns, message in (*at_hand, *self._waiting)
            ]

    @property
    def is_dead(self) -> bool:
        """Says whether something waits, and nothing gets through."""
        return bool(self.trouble) and bool(self.waiting)

    def take_back(self, waiting: Iterable[WaitingMessage]) -> None:
        """Takes what waited in an earlier process."""
        with self._changed:
            self._waiting.extend((one.at_ns, AlertMessage(one.title, one.body)) for one in waiting)
            self._changed.notify_all()

    def close(self) -> None:
        """Ends the thread, after what waits where that is taken; what takes longer than a moment is left behind."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(JOIN_S)

    def _run(self) -> None:
        pause_s, failures = self._first_s, 0
        while (due := self._next()) is not None:
            began_s, lost = time.monotonic(), self._lost
            self._asked_s = began_s
            why = self._notify(_late(*due, lost))
            self._asked_s = None
            with self._changed:
                self._failed, self._at_hand = why, None
                if not why:
                    self._slow = time.monotonic() - began_s > self._slow_s
                    self.delivered += 1
                    self._lost, pause_s, failures = self._lost - lost, self._first_s, 0
                    if self._aside is not None:
                        self._waiting.appendleft(self._aside)
                        self._refused, self._aside = self._aside, None
                    continue
                failures += 1
                if failures >= ALONE and due is self._refused:  # it, and not the channel
                    self._failed, self._refused, failures, pause_s = "", None, 0, self._first_s
                    self._lost += 1
                    continue
                if failures >= ALONE and self._aside is None and self._waiting and not self._stopping:
                    self._aside = due
                    continue
                self._waiting.extendleft(one for one in (due, self._aside) if one is not None)
                self._aside = None
                self._changed.wait_for(lambda: self._stopping, pause_s)
                pause_s = min(2 * pause_s, LONGEST_S)

    def _next(self) -> tuple[int, AlertMessage] | None:
        """Waits for a message; None when the channel is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or bool(self._waiting))
            if not self._waiting or (self._stopping and self._failed):
                return None
            self._at_hand = self._waiting.popleft()
            return self._at_hand


def _late(at_ns: int, message: AlertMessage, lost: int) -> AlertMessage:
    """Returns the message with what a person must know who gets it late, or not all that there was."""
    title, body = message
    if time.time_ns() - at_ns > LATE_NS:
        title += f" (of {LOCAL_TIME.second(at_ns)})"
    if lost:
        body += f"\n{plural(lost, 'earlier message was', 'earlier messages were')} given up: this channel was away"
    return AlertMessage(title, body)


class Channels:
    """All channels together; a person is told the same by each."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        self._channels = tuple(channels)

    def send(self, message: AlertMessage) -> None:
        """Hands the message to every channel; returns at once."""
        for channel in self._channels:
            channel.send(message)

    @property
    def waiting(self) -> list[WaitingMessage]:
        """Returns what was not taken yet, by channel."""
        return [one for channel in self._channels for one in channel.waiting]

    def take_back(self, waiting: Sequence[WaitingMessage]) -> None:
        """Takes what waited in an earlier process; that of a channel that is no more is given up."""
        for channel in self._channels:
            channel.take_back(one for one in waiting if one.channel == channel.name)

    def conditions(self) -> Iterator[Condition]:
        """Yields what is wrong with channels."""
        for channel in self._channels:
            if why := channel.trouble:
                yield Condition(AlertKind.CHANNEL, channel.name, why, "tickline alert test")

    @property
    def are_dead(self) -> bool:
        """Says whether there are some, and a person gets nothing through any."""
        return bool(self._channels) and all(channel.is_dead for channel in self._channels)

    def close(self) -> None:
        """Ends them."""
        for channel in self._channels:
            channel.close()


def open_channels(urls: Sequence[SecretStr], timeout_s: float) -> Channels:
    """Returns a channel for each address. Raises ConfigError without apprise, or where it does not know an address."""
    made = [open_notify(number, url, timeout_s) for number, url in enumerate(urls, 1)]
    return Channels([Channel(name, notify) for name, notify in made])


def open_notify(number: int, url: SecretStr, timeout_s: float) -> tuple[str, Notify]:
    """Returns a channel's name, without a secret, and what sends through it. number: of the address, from 1."""
    try:
        import apprise
    except ImportError as error:
        raise ConfigError(f"alerts need apprise: {to_install('alerts')}") from error
    own_log = logging.getLogger("apprise")  # what it writes may hold parts of an address
    own_log.propagate, own_log.handlers = False, [logging.NullHandler()]
    address = url.get_secret_value()
    asset = apprise.AppriseAsset(app_id="Tickline", app_desc="Tickline", app_url="", async_mode=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what its many plugins import
            service = apprise.Apprise.instantiate(address, asset=asset)
    except Exception as error:  # noqa: BLE001  (a plugin may raise anything at an address; none of it is shown)
        raise ConfigError(f"config: alerts: address {number}: apprise cannot use it ({type(error).__name__})") from None
    if service is None:
        scheme = address.partition("://")[0]
        raise ConfigError(
            f"config: alerts: address {number} ({scheme[:20]}://…): apprise does not know its kind, or a part of it is "
            "missing: see https://github.com/caronc/apprise/wiki"
        )
    if "overflow_mode" not in vars(service):  # unless the address names one; else what is too long is never taken
        service.overflow_mode = apprise.OverflowMode.SPLIT
    service.socket_connect_timeout = service.socket_read_timeout = timeout_s
    sender = apprise.Apprise(asset=asset)
    sender.add(service)
    hide = redacting(address)

    def notify(message: AlertMessage) -> str:
        try:
            result = sender.notify(
                body=message.body,
                title=message.title,
                notify_type=apprise.NotifyType.WARNING,
                body_format=apprise.NotifyFormat.TEXT,
            )
        except Exception as error:  # noqa: BLE001  (a plugin may raise anything, and the next message must go all the same)
            return hide(f"{type(error).__name__}: {error}")
        if result:
            return ""
        said = [entry.message for entry in result.logs()]
        return hide(" ".join(said[-1].split()) if said else "it was not taken")

    return f"{number} ({service.service_name})", notify


def redacting(url: str) -> Callable[[str], str]:
    """Returns what takes every part of an address out of a text, also as it reads unquoted.

    >>> redacting("tgram://123456:AbCdEf/99%2B77/")("Failed: bot 123456:AbCdEf, chat 99+77, error=401")
    'Failed: bot ***:***, chat ***, error=401'
    """
    rest = url.partition("://")[2]
    parts = [part for text in (rest, unquote(rest)) for part in re.split(r"[/@:?&=#,;\s]+", text)]
    hidden = sorted({part for part in parts if len(part) >= SECRET_PART}, key=len, reverse=True)

    def hide(text: str) -> str:
        for part in hidden:
            text = text.replace(part, "***")
        return text[:LONGEST]

    return hide
