"""The part of a study file about each training."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from searchlab.study.fields import MisplacedError, Part
from searchlab.study.limits import LimitsSpec, ResourcesSpec
from searchlab.study.objective import Direction, unseen, wrong_direction


class EarlyStoppingSpec(Part):
    """Keras' `EarlyStopping` with its defaults, on the early-stopping rows.

    Attributes:
        patience: the number of epochs without an improvement after which the training ends.
        monitor: the metric to watch, measured on the early-stopping rows.
        direction: whether a low or a high value of it is better; by default the objective's if it
            is the objective's metric, else inferred from the metric's name.
        min_delta: the least change that counts as an improvement.
        restore_best_weights: whether to restore the weights of the best epoch.
    """

    patience: Annotated[int, Field(ge=1)] = 10
    monitor: str = "val_loss"
    direction: Direction | None = None
    min_delta: Annotated[float, Field(ge=0)] = 0.0
    restore_best_weights: bool = False

    @field_validator("monitor")
    @classmethod
    def _check_monitor(cls, value: str) -> str:
        if not value.startswith("val_") or value == "val_":
            raise ValueError(unseen(value))
        return value

    @model_validator(mode="after")
    def _check_direction(self) -> Self:
        if problem := wrong_direction(self.monitor, self.direction):
            raise MisplacedError(("direction",), problem)
        return self


def _class_weight_kind(value: Any) -> str | None:
    if value == "balanced":
        return "<word>"
    return "<group>" if isinstance(value, dict) and value else None


_ClassWeight = Annotated[
    Annotated[Literal["balanced"], Tag("<word>")]
    | Annotated[dict[str, Annotated[float, Field(gt=0)]], Tag("<group>")],
    Discriminator(
        _class_weight_kind,
        custom_error_type="either",
        custom_error_message="must be balanced, or the classes' weights, such as {no: 1, yes: 5}",
    ),
]


class TrainingSpec(Part):
    """Each training. `early_stopping: null` trains all epochs.

    Attributes:
        epochs: the maximum of epochs of one training.
        batch_size: the number of rows of one step.
        early_stopping: when a training ends before its last epoch.
        class_weight: the weight of each class in the training loss, by label; 1 for classes left
            out. `balanced` is scikit-learn's: all classes have the same total weight.
        limits: the limits of one trial.
        resources: the resources of one training on a cluster; by default one core.
    """

    epochs: Annotated[int, Field(ge=1)] = 100
    batch_size: Annotated[int, Field(ge=1)] = 32
    early_stopping: EarlyStoppingSpec | None = EarlyStoppingSpec()
    class_weight: _ClassWeight | None = None
    limits: LimitsSpec = LimitsSpec()
    resources: ResourcesSpec | None = None
