"""A sweep tries many strategies on the past of a file and scores the best one once on the rest."""

from services.research.sweep.grid import Axis
from services.research.sweep.job import sweep
from services.research.sweep.kept import Kept
from services.research.sweep.pool import Pool
from services.research.sweep.results import Holdout, RankedTrial, Swept
from services.research.sweep.spec import Learner, SweepSpec, Trading, Trial

__all__ = [
    "Axis", "Holdout", "Kept", "Learner", "Pool", "RankedTrial", "SweepSpec", "Swept", "Trading", "Trial", "sweep"
]  # fmt: skip
