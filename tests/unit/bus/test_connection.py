"""Addresses of a bus: of a password nothing is shown, and what could be read as another address is refused."""

from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from redis.exceptions import ConnectionError, NoPermissionError

from shared.bus.cluster_bus import ClusterBus
from shared.bus.connection import BusConnection, ClusterAddress, check_address, is_cluster, remedy, without_password
from shared.bus.names import ClusterNames
from shared.errors import ConfigError

GOOD = [
    ("redis://bus", "redis://bus"),
    ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
    ("rediss://signal:word@bus.example:6380/2?ssl_ca_certs=/etc/ca.pem", "rediss://bus.example:6380/2"),
    ("redis://:wo%2Frd@bus/", "redis://bus/"),
    ("redis://:word@[::1]:6379/0", "redis://[::1]:6379/0"),
    ("unix:///run/redis.sock?db=1&password=word", "unix:///run/redis.sock"),
    ("unix://app:word@/run/redis.sock", "unix:///run/redis.sock"),
]
BAD = [
    "redis://:a@b/c@HOST",  # redis-py: password a, host b
    "redis://:a@b@HOST",
    "redis:///path",  # redis-py: this machine, database 0
    "redis:///0",
    "redis://",
    "redis://HOST/path",  # redis-py: database 0
    "redis://HOST/0/1",
    "redis://:word#x@HOST/0",
    "redis://:word?x@HOST/0",
    "redis://HOST/0#word",
    "redis://HOST/0?password=a@word",
    "redis://user:word",
    "redis://HOST:word/0",
    "redis://HOST:99999999/0",
    "redis://HOST:70000/0",
    "redis://HO ST/0",
    "word",
    "word://HOST",
    "redis:word",
    "unix://",
]


@pytest.mark.parametrize(("url", "shown"), GOOD)
def test_an_address(url: str, shown: str) -> None:
    check_address(url)
    BusConnection(url, 1.0)
    assert without_password(url) == shown


@pytest.mark.parametrize("url", BAD)
def test_what_is_none_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        BusConnection(url, 1.0)
    line = str(refused.value)
    assert line.startswith("config: bus.url '")
    assert "is no address of a bus: write redis://HOST:PORT/0, and in a password %2F for /" in line
    assert "word" not in line.replace("in a password", "")


CLUSTERS = [
    ("redis+cluster://a,b:7001,[::1]:7002", "redis://b:7001/0"),
    ("redis+cluster://a:7000,b:7001/", "redis://b:7001/0"),
    ("rediss+cluster://u:wo%2Crd@a:1,b:2/0?ssl_ca_certs=/ca.pem", "rediss://u:wo%2Crd@b:2/0?ssl_ca_certs=/ca.pem"),
]
NO_CLUSTERS = [
    "redis+cluster://", "redis+cluster://a,,b", "redis+cluster://a:1/1", "redis+cluster://:word/x@a",
    "redis+cluster://a:70000", "redis+cluster://:a@b@word", "unix+cluster:///word", "redis+cluster://a#word",
    "redis+cluster://a:1?no_such_option=word",
]  # fmt: skip


def cluster_at(url: str) -> ClusterBus:
    return ClusterBus(url, ClusterNames("test"), lease_s=1, timeout_s=1, maxlens={})


@pytest.mark.parametrize(("url", "second"), CLUSTERS)
def test_an_address_of_a_cluster(url: str, second: str) -> None:
    address = ClusterAddress.of(cluster_at(url).url)
    assert is_cluster(url)
    assert address.at(address.nodes[1]) == second
    assert "wo%2Crd" not in without_password(url)
    assert without_password(url).startswith(url.partition("://")[0])
    with pytest.raises(ConfigError):
        BusConnection(url, 1.0)


@pytest.mark.parametrize("url", NO_CLUSTERS)
def test_what_is_no_address_of_a_cluster(url: str) -> None:
    with pytest.raises(ConfigError, match=r"bus\.url .* is no address of a bus") as refused:
        cluster_at(url)
    assert "word" not in str(refused.value).replace("in a password", "")


@given(st.text("ab@/:?#%[]&= .", min_size=1, max_size=12))
@example("a@b/c")
def test_nothing_of_a_password_is_shown_however_it_is_written(text: str) -> None:
    password = f"s3{text}s4"
    for url in (f"redis://:{password}@HOST", f"redis://u:{password}@HOST:1/0", f"redis://:{password}", password):
        shown = without_password(url)
        if "@HOST" not in url and "@" in text:
            continue  # an address by all rules, of a host that is named like the password's end
        assert "s3" not in shown
        assert "s4" not in shown or url.rpartition("@")[2].startswith(shown.removeprefix("redis://"))


@given(st.text(min_size=1, max_size=20))
def test_any_password_that_is_escaped_is_good(password: str) -> None:
    url = f"redis://u:{quote(password, safe='')}@HOST:1/0"
    check_address(url)
    assert without_password(url) == "redis://HOST:1/0"


@pytest.mark.parametrize(
    ("error", "todo"),
    [
        (NoPermissionError("User app has no permissions to run the 'xadd' command"), "`tickline bus-users` lists"),
        (ConnectionError("Error 1 connecting. [SSL: WRONG_VERSION_NUMBER] wrong version number."), "it speaks no TLS"),
        (ConnectionError("[SSL: RECORD_LAYER_FAILURE] record layer failure"), "it speaks no TLS"),
        (ConnectionError("Connection refused"), ""),
    ],
)
def test_what_is_to_be_done(error: Exception, todo: str) -> None:
    """Where a server of our own does not answer so; the others are in contract/test_bus_refusals.py."""
    assert todo in remedy(error)
    assert bool(todo) == bool(remedy(error))
