"""Messages reach a person through apprise; a channel that is slow or gone holds up nothing, and is said."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.monitor.alerts.channels import MOST_WAITING, Channel, Channels, open_channels, open_notify
from services.monitor.alerts.conditions import AlertKind, AlertMessage, Condition
from services.monitor.alerts.heartbeat import Heartbeat
from shared.config.monitor import read_heartbeat, read_urls
from shared.errors import ConfigError
from tests.alert_sink import SECRET, Sink, sinking
from tests.until import until

MESSAGE = AlertMessage("main: halt", "halt: by ann\ngap: BTCUSDT")


def opened(sink: Sink) -> Callable[[AlertMessage], str]:
    return open_notify(1, SecretStr(sink.url), 20)[1]


async def test_a_message_arrives_as_it_is() -> None:
    with sinking() as sink:
        channels = open_channels([SecretStr(sink.url)] * 2, 20)
        channels.send(MESSAGE)
        await until(lambda: len(sink.messages) == 2)
        assert sink.messages == [tuple(MESSAGE)] * 2
        assert list(channels.conditions()) == []
        channels.close()


async def test_a_slow_channel_is_said_and_holds_up_nothing() -> None:
    """While its sink does not answer, another channel delivers, and `send` returns."""
    with sinking() as slow, sinking() as good:
        slow.open.clear()
        channels = Channels([Channel("1 (JSON)", opened(slow), slow_s=0.01), Channel("2 (JSON)", opened(good))])
        for _ in range(3):
            channels.send(MESSAGE)
        await until(lambda: len(good.messages) == 3)
        await until(lambda: list(channels.conditions()) != [])
        assert list(channels.conditions()) == [
            Condition(AlertKind.CHANNEL, "1 (JSON)", "a message takes longer than 0.01 s", "tickline alert test")
        ]
        assert slow.messages == []
        slow.open.set()
        await until(lambda: len(slow.messages) == 3)
        channels.close()


async def test_what_a_dead_channel_missed_comes_when_it_is_back() -> None:
    with sinking() as sink:
        sink.status = 500
        channel = Channel("1 (JSON)", opened(sink), first_s=0.01)
        channel.send(MESSAGE)
        await until(lambda: bool(channel.trouble))
        assert "error=500" in channel.trouble
        channel.send(AlertMessage("main: halt over", "over: halt"))
        sink.status = 200
        await until(lambda: channel.delivered == 2)
        assert (sink.titles, channel.trouble) == (["main: halt", "main: halt over"], "")
        channel.close()


async def test_of_too_many_that_wait_the_oldest_are_given_up_and_counted() -> None:
    took, open_, sent = threading.Event(), threading.Event(), list[AlertMessage]()

    def notify(message: AlertMessage) -> str:
        took.set()
        open_.wait()
        sent.append(message)
        return ""

    channel = Channel("1", notify)
    channel.send(AlertMessage("first", ""))
    took.wait()  # it is on its way, and waits no more
    for number in range(MOST_WAITING + 2):
        channel.send(AlertMessage(str(number), "body"))
    open_.set()
    await until(lambda: len(sent) == MOST_WAITING + 1)
    assert [message.title for message in sent] == ["first", *map(str, range(2, MOST_WAITING + 2))]  # 0 and 1 went
    assert sent[1].body == "body\n2 earlier messages were given up: this channel was away"
    assert sent[2].body == "body"
    channel.close()


async def test_a_message_that_is_never_taken_holds_up_no_other() -> None:
    """A service may refuse what is in it; then what comes behind it is delivered, and it is tried on for a while."""
    sent, tried = list[str](), list[str]()

    def notify(message: AlertMessage) -> str:
        tried.append(message.title)
        if message.title == "odd":
            return "error=400"
        sent.append(" ".join(f"{message.title} {message.body}".split()))
        return ""

    channel = Channel("1", notify, first_s=0.001)
    for title in ("odd", "halt", "gap"):
        channel.send(AlertMessage(title, ""))
    await until(lambda: len(sent) == 2)
    assert sent == ["halt", "gap 1 earlier message was given up: this channel was away"]
    assert (tried.count("odd"), channel.trouble) == (6, ""), "it, and not the channel"
    channel.close()


async def test_of_a_dead_channel_the_order_stays() -> None:
    sent, failures = list[str](), [0]

    def notify(message: AlertMessage) -> str:
        if failures[0] < 20:
            failures[0] += 1
            return "error=500"
        sent.append(message.title)
        return ""

    channel = Channel("1", notify, first_s=1e-6)
    for title in ("a", "b", "c"):
        channel.send(AlertMessage(title, ""))
    await until(lambda: len(sent) == 3, within_s=20)
    assert sorted(sent) == ["a", "b", "c"]
    assert sent.index("b") < sent.index("c")
    channel.close()


async def test_what_is_longer_than_a_service_takes_goes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apprise.plugins.custom_json.NotifyJSON.body_maxlen", 100)
    with sinking() as sink:
        assert (
            opened(sink)(AlertMessage("main: alarm", "\n".join(f"alarm: BTCUSDT: its stop {n}" for n in range(20))))
            == ""
        )
        said = "\n".join(body for _, body in sink.messages)
        assert len(sink.messages) > 1 and all(len(body) <= 100 for _, body in sink.messages)
        assert all(f"its stop {n}" in said for n in range(20))


def test_a_reason_has_no_part_of_the_address(capfd: pytest.CaptureFixture[str]) -> None:
    with sinking() as sink:
        notify, port = opened(sink), str(sink.port)
    why = notify(MESSAGE)  # nobody is there
    assert why
    said = why + "".join(capfd.readouterr())
    assert SECRET not in said
    assert port not in said


@pytest.mark.parametrize("url", [f"nothing://{SECRET}", f"tgram://{SECRET}", f"json://{SECRET}:port:port"])
def test_an_address_that_apprise_does_not_know_is_an_error_without_it(
    url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError) as raised:
        open_notify(3, SecretStr(url), 20)
    assert "address 3" in str(raised.value)
    assert SECRET not in str(raised.value) + "".join(capfd.readouterr())


async def test_the_heartbeat_is_due_once_a_minute_and_its_failure_is_said() -> None:
    now_s = [100.0]
    with sinking() as sink:
        heartbeat = Heartbeat(SecretStr(sink.heartbeat), 60, lambda: now_s[0])
        assert heartbeat.due
        await heartbeat.beat()
        assert (sink.beats, heartbeat.due, heartbeat.conditions()) == (1, False, ())
        now_s[0] += 60
        assert heartbeat.due
        sink.status = 404
        await heartbeat.beat()
        assert heartbeat.conditions() == (Condition(AlertKind.CHANNEL, "heartbeat", "it answers 404"),)
    await heartbeat.beat()
    assert heartbeat.trouble.startswith("ClientConnectorError")
    assert SECRET not in heartbeat.trouble
    assert str(sink.port) not in heartbeat.trouble


def test_addresses_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "urls"
    path.write_text("# my phone\n\ntgram://bot/chat\n  json://host/  \n")
    assert [url.get_secret_value() for url in read_urls(path)] == ["tgram://bot/chat", "json://host/"]
    path.write_text("https://hc.example/uuid\n")
    assert read_heartbeat(path).get_secret_value() == "https://hc.example/uuid"


@pytest.mark.parametrize("text", ["", "# none\n", f"{SECRET}\n", f"json://a {SECRET}\n", "json://a\n" * 21])
def test_a_file_of_other_things_is_an_error_without_its_content(text: str, tmp_path: Path) -> None:
    path = tmp_path / "urls"
    path.write_text(text)
    for read in (read_urls, read_heartbeat):
        with pytest.raises(ConfigError) as raised:
            read(path)
        assert str(path) in str(raised.value)
        assert SECRET not in str(raised.value)


@pytest.mark.parametrize("text", ["tgram://a/b", "https://a\nhttps://b"])
def test_the_heartbeat_is_one_http_address(text: str, tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text(text)
    with pytest.raises(ConfigError, match="must hold one address"):
        read_heartbeat(path)
