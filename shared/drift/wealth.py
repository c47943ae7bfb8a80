"""Bets against a claim: their wealth is evidence, in logarithms, since it has no bound.

Whoever bets λ against "the mean of X is at least m" has `L = 1 − λ (X − m)` times as much afterwards, and by that claim
no more than before on average, whatever came before. So chance brings it to A in one of A cases at most, at any time.
"""

from collections.abc import Sequence
from math import exp, inf, log, log1p

from shared.drift.scale import BOUND
from shared.record import Snapshot
from shared.tick import State, Tick

BETS = 8  # K
MOST = 0.9  # of the bet that could lose all
RUIN = 18.0  # a loss of more standard deviations than these ruins who bets on an edge


def bets_against(mean: float) -> tuple[float, ...]:
    """Returns the bets λ against "the mean of X is at least `mean`": for true means from far to little below it.

    >>> [round(bet, 3) for bet in bets_against(0.04)]
    [0.01, 0.015, 0.022, 0.033, 0.049, 0.072, 0.106, 0.156]
    """
    off = [mean * 2 ** (-2 + 4 * k / (BETS - 1)) for k in range(BETS)]
    return tuple(min(d / (1 + d * d), MOST / (BOUND - mean)) for d in off)


def bets_for(mean: float = 0.0) -> tuple[float, ...]:
    """Returns the bets λ against "the mean of X is at most `mean`"."""
    most = MOST / (RUIN + mean)
    return tuple(most / 2**k for k in range(BETS))


def log_mean(logs: Sequence[float]) -> float:
    """Returns the logarithm of the mean of numbers whose logarithms these are.

    >>> round(log_mean([log(2), log(4)]), 6) == round(log(3), 6)
    True
    """
    most, total = max(logs), 0.0
    if most == -inf:
        return most
    for each in logs:  # not `sum`, which later Pythons round otherwise
        total += exp(each - most)
    return most + log(total) - log(len(logs))


class WealthSnapshot(Snapshot):
    """The saved form of a Wealth, or of a Decay.

    - logs: one a bet, in their order; none while all are 0. ruined: it is 0 and stays so.
    """

    logs: list[float]
    ruined: bool = False


class Wealth(Tick[float, float]):
    """A Wealth takes X bar by bar; returns the logarithm of the mean of all bets' wealth, which begins at 1.

    - mean: that of the claim. bets: λ of each; `sign` is -1 for bets that the mean is lower, 1 that it is higher.

    >>> claim = Wealth(0.04, bets_against(0.04), -1)
    >>> [round(exp(claim.on_tick(x)), 3) for x in (-2.0, 5.0, -1.0)]
    [1.118, 0.774, 0.81]
    """

    def __init__(self, mean: float, bets: Sequence[float], sign: int) -> None:
        self._mean, self._sign = mean, sign
        self._bets = [sign * bet for bet in bets]
        self._logs = [0.0] * len(bets)
        self.ruined = False

    def on_tick(self, val: float) -> float:
        """Takes X of a held bar."""
        off = val - self._mean
        self.ruined = self.ruined or (self._sign > 0 and val < -RUIN)
        if self.ruined:
            return -inf
        logs = self._logs = [held + log1p(bet * off) for held, bet in zip(self._logs, self._bets, strict=True)]
        return log_mean(logs)

    def state(self) -> State:
        """Returns the logarithms."""
        return WealthSnapshot(logs=_kept(self._logs), ruined=self.ruined)

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = WealthSnapshot.of(state)
        self._logs, self.ruined = _taken_back(saved.logs, len(self._bets)), saved.ruined


class Decay(Tick[float, float]):
    """A Decay sums the wealth of bets that begin at every bar: `R ← (1 + R) · L`; returns log M, M the mean over bets.

    While X has a conditional mean of `mean` or more at every held bar, M comes to A once in A held bars or less often.
    Source: the e-SR procedure of Shin, Ramdas and Rinaldo, arXiv 2203.03532.

    - mean: the floor m, above 0 and below BOUND, in standard deviations a held bar.

    >>> decay = Decay(0.04)
    >>> [round(exp(decay.on_tick(x)), 3) for x in (-1.0, -1.0, 2.0)]
    [1.06, 2.187, 2.81]
    """

    def __init__(self, mean: float) -> None:
        if not 0 < mean < BOUND:
            raise ValueError(f"a floor is between 0 and {BOUND:g} standard deviations a bar, not {mean}")
        self._mean = mean
        self._bets = bets_against(mean)
        self._logs = [0.0] * len(self._bets)  # log (1 + R), which is 0 at the start

    def on_tick(self, val: float) -> float:
        """Takes X of a held bar."""
        off = val - self._mean
        logs = [held + log1p(-bet * off) for held, bet in zip(self._logs, self._bets, strict=True)]
        self._logs = [_log1p_exp(each) for each in logs]
        return log_mean(logs)

    def state(self) -> State:
        """Returns the logarithms of 1 + R."""
        return WealthSnapshot(logs=_kept(self._logs))

    def restore(self, state: State) -> None:
        """Takes back what `state()` gave."""
        saved = WealthSnapshot.of(state)
        self._logs = _taken_back(saved.logs, len(self._bets))


def _kept(logs: list[float]) -> list[float]:
    return list(logs) if any(logs) else []


def _taken_back(logs: list[float], bets: int) -> list[float]:
    if len(logs) not in (0, bets):
        raise ValueError(f"{bets} bets have as many logarithms, not {len(logs)}")
    return list(logs) or [0.0] * bets


def _log1p_exp(value: float) -> float:
    """Returns log (1 + e^value) without an overflow."""
    return value + log1p(exp(-value)) if value > 0 else log1p(exp(value))


def claim_of(mean: float) -> Wealth:
    """Returns E: the evidence against "the mean was never below `mean`"."""
    return Wealth(mean, bets_against(mean), -1)


def edge_above(mean: float = 0.0) -> Wealth:
    """Returns the evidence that the mean is above `mean`; a loss of more than RUIN makes it 0."""
    return Wealth(mean, bets_for(mean), 1)
