"""The registry names the models as cards do. To add one: its file, and its line here."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.registry import Registry

if TYPE_CHECKING:
    from shared.models.model import Model

GROUP = "tickline.models"  # of the entry points by which packages offer theirs

# name -> the class, or a function, that makes one from no_features and the card's params
MODELS = Registry[Callable[..., "Model"]](
    {
        "LinearModel": "shared.models.linear_model:LinearModel",
        "NonLinearModel": "shared.models.non_linear_model:NonLinearModel",
    }
)
