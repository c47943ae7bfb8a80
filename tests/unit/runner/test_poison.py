"""Entries that a partition must not give to its stages, remembered across its loading anew."""

from shared.runner.poison import StageFailed, Suspects

FIRST, SECOND = ("ticks", b"1-0"), ("ticks", b"2-0")


def failure(suspect: tuple[str, bytes]) -> StageFailed:
    return StageFailed("A", suspect, RuntimeError("no"))


def test_the_same_entry_twice_is_poison_and_another_is_retried() -> None:
    suspects = Suspects()
    assert not suspects.failed(3, failure(FIRST))
    assert not suspects.failed(3, failure(SECOND))
    assert suspects.retried
    assert suspects.failed(3, failure(SECOND))
    assert suspects.poison(3) == {SECOND: "A: ticks 2-0: RuntimeError: no"}
    assert not suspects.retried


def test_one_entry_a_commit_until_it_is_behind() -> None:
    suspects = Suspects()
    suspects.failed(3, failure(FIRST))
    suspects.committed(3, lambda suspect: False)
    assert suspects.retried
    suspects.committed(3, lambda suspect: suspect == FIRST)
    assert not suspects.retried


def test_what_another_replica_owns_is_forgotten() -> None:
    suspects = Suspects()
    for _ in range(2):
        suspects.failed(3, failure(FIRST))
    suspects.failed(3, failure(SECOND))
    suspects.foreign(3)[SECOND] = "of wire 9"
    suspects.forget(3)
    assert not suspects.retried
    assert not suspects.poison(3)
    assert not suspects.foreign(3)
