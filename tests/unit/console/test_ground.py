"""The folders under a run, and the room on their disks."""

import shutil
from pathlib import Path

from services.console.ground import LOW_BYTES, Ground


def test_a_folder_that_was_removed_is_said_once(tmp_path: Path) -> None:
    """Also where a service has made a new one in its place."""
    folder, other = tmp_path / ".tickline", tmp_path / "bus"
    folder.mkdir()
    other.mkdir()
    ground = Ground({"logs, the journal": folder, "the bus's data": other})
    assert list(ground.news()) == []
    shutil.rmtree(folder)
    folder.mkdir()
    (line,) = ground.news()
    assert line.startswith(f"{folder} was removed while it is in use: what is written there from now on (logs, the jou")
    assert "end it, then put the folder back" in line
    assert list(ground.news()) == []
    shutil.rmtree(other)
    (line,) = ground.news()
    assert line.startswith(f"{other} was removed")
    ground.close()


def test_a_folder_that_was_moved_is_put_back_and_nothing_is_lost(tmp_path: Path) -> None:
    """In the name that it has now; a new one that took its place would take it in."""
    folder, there = tmp_path / ".tickline", tmp_path / "my kept"
    folder.mkdir()
    (folder / "bus").mkdir()
    ground = Ground({"logs, the journal": folder, "the bus's data": folder / "bus"})
    folder.rename(there)
    (line,) = ground.news()
    assert line == (
        f"{folder} was moved to {there} while it is in use: what is written (logs, the journal) goes there, and no "
        f"verb of this line finds it: move it back: mv '{there}' {folder}"
    )
    assert list(ground.news()) == []
    there.rename(folder)
    assert list(ground.news()) == [f"{folder} is back"]
    folder.rename(there)
    (line,) = ground.news()
    assert line.startswith(f"{folder} was moved to {there}")
    folder.mkdir()
    ground.close()


def test_a_full_disk_is_said_and_that_it_has_room_again(tmp_path: Path) -> None:
    free = LOW_BYTES
    ground = Ground({"data": tmp_path}, lambda path: free)
    assert list(ground.news()) == []
    free = 3_400_000
    assert [line.partition(":")[2] for line in ground.news()] == [
        " its disk has 3 MB left: make room; what cannot be written is waited for, and no order is sent meanwhile"
    ]
    assert list(ground.news()) == []
    free = LOW_BYTES + 1  # hardly
    assert list(ground.news()) == []
    free = 2 * LOW_BYTES
    assert list(ground.news()) == [f"{tmp_path}: its disk has room again, 200 MB"]
    ground.close()
