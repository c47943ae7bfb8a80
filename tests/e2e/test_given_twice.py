"""An option that takes one value is not taken twice with one of them dropped in silence."""

import pytest

from tests.e2e.command import Command

DATA = ("--data", "one.csv", "--data", "two.csv", "--sym", "BTCUSDT")


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("backtest", *DATA), "--data"),
        (("train", *DATA), "--data"),
        (("sweep", *DATA), "--data"),
        (("backtest", "--data", "one.csv", "--sym", "A", "--sym", "B"), "--sym"),
        (("backtest", "--data", "one.csv", "--sym", "A", "--fee", "0.1", "--fee=0.2"), "--fee"),
        (("data", "check", "one.csv", "--interval", "1h", "--interval", "2h"), "--interval"),
        (("run", "--balance", "1", "--balance", "2"), "--balance"),
        (("download", "--market", "A/B", "--market", "C/D"), "--market"),
    ],
)
def test_it_is_refused(command: Command, arguments: tuple[str, ...], option: str) -> None:
    done = command(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"tickline: {option} was given 2 times and takes one value: give it once\n"


def test_what_takes_several_is_given_several_times(command: Command) -> None:
    done = command("run", "--data", "one.csv", "--data", "two.csv", "--sym", "A", "--sym", "B", "--interval", "1h")
    assert done.code == 3
    assert "there is no such file" in done.err


def test_an_amount_of_real_money_is_not_given_twice(command: Command) -> None:
    done = command("arm", "--account", "a", "--max-notional", "5", "--max-notional", "500")
    assert done.code == 2
    assert "--max-notional was given 2 times and takes one value: give it once" in done.err
