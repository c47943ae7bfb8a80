"""The embedded server: its folder, its data, and what stands in its way, in one line each."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import redis

from shared.bus import embedded
from shared.bus.embedded import EmbeddedBus, stored_bus
from shared.errors import BusUnreachable

HOLDER = """
import sys, time
from pathlib import Path
from shared.bus.embedded import EmbeddedBus
bus = EmbeddedBus(Path(sys.argv[1]))
bus.start()
print(bus.url, flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "bus"


def client(bus: EmbeddedBus) -> redis.Redis:
    return redis.Redis.from_url(bus.url, decode_responses=True)


def refused(bus: EmbeddedBus) -> str:
    """Why it does not start."""
    with pytest.raises(BusUnreachable) as error:
        bus.start()
    assert not bus.alive()
    text = str(error.value)
    assert "\n" not in text
    assert str(bus.folder) in text
    return text


def wait_until(holds: Callable[[], bool], within_s: float = 100) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_it_starts_and_stops(folder: Path) -> None:
    bus = EmbeddedBus(folder)
    assert not bus.alive()
    bus.start()
    assert bus.alive()
    with client(bus) as asked:
        assert asked.ping()
        info = asked.info("server")
        process = psutil.Process(info["process_id"])
        assert asked.config_get("bind")["bind"] == "127.0.0.1"
    assert os.getpgid(process.pid) != os.getpgid(0)  # a Ctrl-C in the terminal does not reach it
    bus.stop()
    assert not bus.alive()
    assert not process.is_running()
    bus.stop()
    assert sorted(path.name for path in folder.iterdir()) == ["appendonlydir", "lock", "valkey.log"]


def test_its_data_outlive_it_and_its_address_is_kept(folder: Path) -> None:
    bus = EmbeddedBus(folder)
    with bus, client(bus) as asked:
        asked.set("kept", "1")
        url = bus.url
    with bus, client(bus) as asked:
        assert (asked.get("kept"), bus.url) == ("1", url)
    with EmbeddedBus(folder) as other, client(other) as asked:
        assert asked.get("kept") == "1"


def test_a_server_that_died_is_started_again_by_its_owner(folder: Path) -> None:
    with EmbeddedBus(folder) as bus:
        with client(bus) as asked:
            asked.set("kept", "1")
            wait_until(lambda: asked.info("persistence")["aof_pending_bio_fsync"] == 0)
            psutil.Process(asked.info("server")["process_id"]).kill()
        wait_until(lambda: not bus.alive())
        bus.start()
        with client(bus) as asked:
            assert asked.get("kept") == "1"


def made_anew(folder: Path) -> list[Path]:
    """Lets a server write a hundred keys behind a log that it has made anew; the parts of its log."""
    with EmbeddedBus(folder) as bus, client(bus) as asked:
        asked.set("before", "1")
        asked.bgrewriteaof()
        wait_until(lambda: not asked.info("persistence")["aof_rewrite_in_progress"])
        for number in range(100):
            asked.set(f"key{number:02}", "1")
    return sorted((folder / "appendonlydir").glob("*.aof")) + sorted((folder / "appendonlydir").glob("*.rdb"))


def with_hole(data: bytes) -> bytes:
    """As a disk that was full leaves it: zeros, and then what was written when there was room again."""
    begin = data.rindex(b"*3", 0, data.index(b"key50"))
    return data[:begin] + bytes(300) + data[begin:]


def test_a_log_with_a_hole_is_cut_there_and_what_was_cut_is_kept(folder: Path) -> None:
    part, _ = made_anew(folder)
    damaged = with_hole(part.read_bytes())
    part.write_bytes(damaged)
    with EmbeddedBus(folder) as bus, client(bus) as asked:
        assert asked.get("before") == "1"
        assert sorted(asked.keys("key*")) == [f"key{number:02}" for number in range(50)]
        asked.set("later", "1")
    (copy,) = folder.glob("*.damaged-*")
    assert copy.read_bytes() == damaged
    with EmbeddedBus(folder) as bus, client(bus) as asked:
        assert asked.get("later") == "1"


def test_what_is_damaged_before_the_last_part_of_the_log_is_refused(folder: Path) -> None:
    """To cut there would lose what is old, and keep what is new."""
    part, base = made_anew(folder)
    manifest, later = folder / "appendonlydir" / embedded.MANIFEST, part.with_name("appendonly.aof.9.incr.aof")
    later.write_bytes(part.read_bytes())
    manifest.write_text(f"{manifest.read_text()}file {later.name} seq 9 type i\n")
    part.write_bytes(with_hole(part.read_bytes()))
    assert "Bad file format" in refused(EmbeddedBus(folder))
    assert part.read_bytes() == with_hole(later.read_bytes())
    part.write_bytes(later.read_bytes())
    base.write_bytes(base.read_bytes()[:40] + bytes(300))
    refused(EmbeddedBus(folder))
    assert not [*folder.glob("*.damaged-*")]


def test_a_folder_has_one_user_at_a_time(folder: Path) -> None:
    with EmbeddedBus(folder) as bus:
        assert "in use by another run" in refused(EmbeddedBus(folder))
        assert bus.alive()
        with client(bus) as asked:
            assert asked.ping()
    with EmbeddedBus(folder):
        pass


def test_a_line_waits_for_the_end_of_a_look_and_not_for_another_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a `tickline status` keeps a line that is started meanwhile from its positions."""
    with EmbeddedBus(folder):
        pass
    with stored_bus(folder) as looking:
        ends = threading.Timer(0.3, looking.stop)
        ends.start()
        with EmbeddedBus(folder) as bus:
            assert bus.alive()
        ends.join()
    monkeypatch.setattr(embedded, "PASSING_S", 0.1)
    with stored_bus(folder):
        assert "in use by a verb that looks at what is stored" in refused(EmbeddedBus(folder))


@pytest.fixture
def killed_holder(folder: Path) -> Iterator[psutil.Process]:
    """A run that was killed, and left its server behind; gives that server."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    url = holder.stdout.readline().strip()
    holder.kill()
    holder.communicate()
    with redis.Redis.from_url(url) as asked:
        asked.set("kept", "1")
        orphan = psutil.Process(asked.info("server")["process_id"])
    assert orphan.is_running()
    yield orphan
    if orphan.is_running():
        orphan.kill()


def test_the_orphan_of_a_killed_run_is_stopped(folder: Path, killed_holder: psutil.Process) -> None:
    with EmbeddedBus(folder) as bus, client(bus) as asked:
        wait_until(lambda: not killed_holder.is_running() or killed_holder.status() == psutil.STATUS_ZOMBIE)
        assert asked.get("kept") == "1"
        assert asked.info("server")["process_id"] != killed_holder.pid


def test_an_orphan_that_does_not_answer_keeps_the_folder(folder: Path, killed_holder: psutil.Process) -> None:
    """Two servers on one folder would destroy its data."""
    killed_holder.send_signal(signal.SIGSTOP)
    try:
        assert str(killed_holder.pid) in refused(EmbeddedBus(folder))
    finally:
        killed_holder.send_signal(signal.SIGCONT)
    with EmbeddedBus(folder) as bus, client(bus) as asked:
        assert asked.get("kept") == "1"


@pytest.mark.parametrize(
    "note", ["", "{", "[]", '{"url": 5}', '{"url": "http://x"}', '{"url": "redis://127.0.0.1:1/0"}']
)
def test_a_note_that_says_nothing_is_passed_over(folder: Path, note: str) -> None:
    folder.mkdir(parents=True)
    (folder / "bus.json").write_text(note)
    with EmbeddedBus(folder) as bus:
        assert bus.alive()


def test_the_server_of_another_folder_is_left_alone(folder: Path, tmp_path: Path) -> None:
    with EmbeddedBus(tmp_path / "other") as other:
        folder.mkdir(parents=True)
        (folder / "bus.json").write_text(json.dumps({"url": other.url}))
        with EmbeddedBus(folder):
            assert other.alive()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be used" in refused(EmbeddedBus(tmp_path / "file" / "bus"))
    assert "cannot be used" in refused(EmbeddedBus(tmp_path / "file"))


def test_a_folder_that_cannot_be_written(folder: Path) -> None:
    (folder / "lock").mkdir(parents=True)
    assert "cannot be used" in refused(EmbeddedBus(folder))
    (folder / "lock").rmdir()
    (folder / "valkey.log").mkdir()
    assert "cannot be used" in refused(EmbeddedBus(folder))


def test_data_that_are_damaged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedBus(folder) as bus, client(bus) as asked:
        asked.set("kept", "1")
    (aof,) = (folder / "appendonlydir").glob("*.incr.aof")
    aof.write_bytes(b"*3\r\n$3\r\nSET\r\nnonsense" + aof.read_bytes())
    monkeypatch.setattr(embedded, "START_TIMEOUT_S", 1_000.0)  # that is not waited for
    why = refused(EmbeddedBus(folder))
    assert "Bad file format" in why
    assert str(folder / "valkey.log") in why
    assert "in use" not in refused(EmbeddedBus(folder))  # the folder was given back


def test_data_cut_off_in_the_middle_are_good_up_to_there(folder: Path) -> None:
    """As after a power cut."""
    with EmbeddedBus(folder) as bus, client(bus) as asked:
        for i in range(10):
            asked.set(f"key{i}", "1")
    (aof,) = (folder / "appendonlydir").glob("*.incr.aof")
    aof.write_bytes(aof.read_bytes()[:-5])
    with EmbeddedBus(folder) as bus, client(bus) as asked:
        assert asked.dbsize() == 9


def test_its_port_was_taken_meanwhile(folder: Path, tmp_path: Path) -> None:
    with EmbeddedBus(tmp_path / "other") as other:
        bus = EmbeddedBus(folder)
        bus.port = other.port
        why = refused(bus)
        assert "Address already in use" in why or "does not start" in why
        assert other.alive()
