"""The registry names the models as cards do. To add one: its file, and its line here."""

from collections.abc import Callable

from shared.models.linear_model import LinearModel
from shared.models.model import Model
from shared.models.non_linear_model import NonLinearModel

# name -> the class, or a function, that makes one from no_features and the card's params
MODELS: dict[str, Callable[..., Model]] = {
    "LinearModel": LinearModel,
    "NonLinearModel": NonLinearModel,
}
