"""What a card says of a model: its scores beside the baselines, and the distributions it was made on."""

from pathlib import Path

from torch import nn

from services.research.train.baselines import baselines
from services.research.train.dataset import Dataset
from services.research.train.predictions import predictions
from services.research.train.provenance import file_sha256
from services.research.train.scores import score
from shared.models.training import Compared, Distribution, Training


def evaluate(module: nn.Module, train: Dataset, test: Dataset | None, *, fee: float) -> Training:
    """Scores, baselines and distributions; the Huber delta is one standard deviation of the training targets."""
    delta = float(train.y.std())
    y_hat = predictions(module, train)
    outside = None if test is None else score(predictions(module, test), test.y, fee=fee, delta=delta)
    return Training(
        fee=fee,
        scores=Compared(in_sample=score(y_hat, train.y, fee=fee, delta=delta), out_of_sample=outside),
        baselines=baselines(train, test, fee=fee, delta=delta),
        features=tuple(Distribution.of(column) for column in train.x.T),
        y_hat=Distribution.of(y_hat),
    )


def evaluate_on_file(module: nn.Module, path: Path, train: Dataset, test: Dataset | None, *, fee: float) -> Training:
    """As `evaluate`, with the file's hash and the windows."""
    return evaluate(module, train, test, fee=fee).model_copy(
        update={
            "data_sha256": file_sha256(path),
            "train": train.window(),
            "test": None if test is None else test.window(),
        }
    )
