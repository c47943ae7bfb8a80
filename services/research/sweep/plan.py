"""A plan has all that a sweep tries, checked before any bar is read."""

from typing import NamedTuple

from services.research.sweep.spec import Learner, SweepSpec, Trading, learners, tradings
from services.research.train.fit import make_module
from shared.config import Settings
from shared.errors import ConfigError
from shared.features.vector import FeatureVector
from shared.messages.market import Group
from shared.strategies import make_strategy
from shared.user_code import blaming
from shared.user_code.bundle import Bundle


class Plan(NamedTuple):
    """A plan says which models are made at each interval and fold, and in which ways each is traded.

    needs: the groups that one of them sees of a bar beside its close.
    code: the source of the user's own classes.
    """

    learners: tuple[Learner | None, ...]
    tradings: tuple[Trading, ...]
    needs: frozenset[Group]
    code: Bundle


def planned(settings: Settings, spec: SweepSpec) -> Plan:
    """Returns the plan of a sweep; raises ConfigError for the first value that no feature, model or strategy takes."""
    with blaming(settings.symbols[0]):
        parts = spec.parts(settings)
        models, ways = tuple(learners(spec, parts)), tuple(tradings(parts))
        needs = {group for learner in models if learner is not None for group in _needed_by_model(learner)}
        needs |= {group for way in ways for group in _needed_by_strategy(way, settings)}
        own = settings.strategy
        classes = [own.name, *(str(wrapper["name"]) for wrapper in own.wrappers)]
        if spec.model == "trained":
            classes += [spec.fit.model, *spec.features]
        return Plan(models, ways, frozenset(needs), Bundle.of(classes))


def _needed_by_model(learner: Learner) -> frozenset[Group]:
    vector = FeatureVector(learner.features)
    make_module(learner.fit, vector.width)
    return vector.needs


def _needed_by_strategy(way: Trading, settings: Settings) -> frozenset[Group]:
    try:
        return make_strategy(way.settings(settings).strategy).needed()
    except ValueError as error:
        given = ", ".join(f"{name}={value}" for name, value in way.chosen)
        raise ConfigError(f"--grid {given}: {error}" if given else f"config: {error}") from error
