"""Names on the bus: keys, hash tags, partitions."""

from collections import Counter
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bus.cluster_bus import slot_of
from shared.bus.names import ClusterNames, Names, PartitionId, partition_of

PLACE = PartitionId("gateway-ACCOUNT", 12)


def test_keys() -> None:
    names = Names("tickline.replay.run1")
    assert names.stream("orders", PLACE) == "tickline.replay.run1:orders:{gateway-ACCOUNT.12}"
    assert names.state(PLACE) == "tickline.replay.run1:state:{gateway-ACCOUNT.12}"
    assert names.replicas() == "tickline.replay.run1:replicas"
    assert names.meta() == "tickline.replay.run1:meta"


def test_all_that_one_commit_writes_has_one_hash_tag() -> None:
    names = Names("tickline")
    keys = [names.state(PLACE), *(names.stream(stream, PLACE) for stream in ("orders", "decisions", "dead"))]
    assert {key[key.index("{") : key.index("}") + 1] for key in keys} == {"{gateway-ACCOUNT.12}"}


def test_on_a_cluster_all_that_a_partition_reads_and_writes_has_one_slot() -> None:
    """And the partitions, eight by default, are spread over three masters."""
    names = ClusterNames("tickline.replay.run1")
    slots = {
        p: {slot_of(names.state(PartitionId(instance, p))) for instance in ("ingestor", "gateway-ACCOUNT", "a-12")}
        | {slot_of(names.stream(stream, PartitionId("signal", p))) for stream in ("ticks", "dead")}
        for p in range(8)
    }
    assert {len(found) for found in slots.values()} == {1}
    masters = Counter(min(found) * 3 // 16_384 for found in slots.values())
    assert sorted(masters.values()) == [2, 2, 4]
    assert names.meta() != Names("tickline.replay.run1").meta()


@pytest.mark.parametrize("namespace", ["", "a b", "{a}", "a\nb", "a*", "x" * 81, "é"])
def test_a_namespace_that_would_break_keys_is_refused(namespace: str) -> None:
    with pytest.raises(ValueError, match="namespace"):
        Names(namespace)


@pytest.mark.parametrize("instance", ["", "a.b", "{a}", "a:b", "a b", "x" * 61])
def test_an_instance_that_would_break_keys_is_refused(instance: str) -> None:
    with pytest.raises(ValueError, match="instance"):
        Names("tickline").replica(instance, "me")


@given(st.text(max_size=64), st.integers(1, 1024))
def test_a_symbol_has_one_partition(sym: str, partitions: int) -> None:
    assert partition_of(sym, partitions) == crc32(sym.encode()) % partitions
    assert 0 <= partition_of(sym, partitions) < partitions


def test_partitions_are_the_same_for_ever() -> None:
    """These numbers are in people's data: a change loses it."""
    symbols = ("BTCUSDT", "ETHUSDT", "SIM-A", "SIM-B", "比特币")
    assert [partition_of(sym, 8) for sym in symbols] == [3, 4, 3, 1, 4]
