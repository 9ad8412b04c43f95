"""The part of a study file about each training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from searchlab.core.domains import Choice, Domain, Float, Params, Scalar
from searchlab.core.space import check_condition
from searchlab.study.callbacks import PREFIX, Callback, Given, given, is_code, with_params
from searchlab.study.fields import MisplacedError, Part
from searchlab.study.limits import LimitsSpec, ResourcesSpec
from searchlab.study.objective import Direction, unseen, wrong_direction
from searchlab.study.params import ParamSpec

COUNTS, WEIGHTS = ("batch_size", "epochs"), "class_weight"
OF_TRAINING = (*COUNTS, WEIGHTS)
"""Keys of each training that may be params of the search, here or by these names in the space."""


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


_ByClass = dict[str, Annotated[float, Field(gt=0)]]
_WRONG_WEIGHTS = "must be balanced, or the classes' weights, such as {no: 1, yes: 5}"
_ClassWeight = Annotated[
    Annotated[Literal["balanced"], Tag("<word>")] | Annotated[_ByClass, Tag("<group>")],
    Discriminator(
        _class_weight_kind, custom_error_type="either", custom_error_message=_WRONG_WEIGHTS
    ),
]


class ClassWeights(Part):
    """`{choice: [balanced, null]}`: each trial has one of some weights of the classes.

    Attributes:
        values: the weights; null for none.
    """

    values: Annotated[tuple[_ClassWeight | None, ...], Field(alias="choice", min_length=1)]

    @property
    def domain(self) -> Choice:
        """The param for the search space; a group of weights is its text."""
        return Choice(str(each) if isinstance(each, dict) else each for each in self.values)

    def value_of(self, scalar: Scalar) -> Any:
        """Return the weights that a trial's param stands for."""
        return self.values[self.domain.index(scalar)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        assert self.domain  # noqa: S101 - refuses values that appear twice
        return self


def _weights_kind(value: Any) -> str | None:
    several = isinstance(value, dict) and [*value] == ["choice"]
    if isinstance(value, ClassWeights) or (several and isinstance(value["choice"], list)):
        return "<choice>"
    return _class_weight_kind(value)


_ClassWeightOrParam = Annotated[
    Annotated[Literal["balanced"], Tag("<word>")]
    | Annotated[_ByClass, Tag("<group>")]
    | Annotated[ClassWeights, Tag("<choice>")],
    Discriminator(_weights_kind, custom_error_type="either", custom_error_message=_WRONG_WEIGHTS),
]


def _count_kind(value: Any) -> str:
    return "<value>" if isinstance(value, int) or not isinstance(value, dict | Part) else "<param>"


_Count = Annotated[
    Annotated[Annotated[int, Field(ge=1)], Tag("<value>")] | Annotated[ParamSpec, Tag("<param>")],
    Discriminator(_count_kind),
]


def count_problem(domain: Domain) -> str | None:
    """Word the problem of a param that is not always a count; None if there is none."""
    if isinstance(domain, Choice):
        right = all(type(each) is int and each >= 1 for each in domain.values)
    else:
        right = not isinstance(domain, Float) and domain.low >= 1
    return None if right else "must be whole numbers from 1, such as {choice: [16, 32]}"


class TrainingSpec(Part):
    """Each training. `early_stopping: null` trains all epochs.

    `epochs`, `batch_size` and `class_weight` may be params of the search, such as
    `{choice: [16, 32]}`.

    Attributes:
        epochs_given: the maximum of epochs of one training.
        batch_size_given: the number of rows of one step.
        early_stopping: when a training ends before its last epoch.
        callbacks: callbacks of each training: Keras' own by name, such as `terminate_on_nan` or
            `{reduce_lr_on_plateau: {patience: 3}}`, `val_train_ratio`, or your own, such as
            `my.py:MyCallback`.
        class_weight_given: the weight of each class in the training loss, by label; 1 for classes
            left out. `balanced` is scikit-learn's: all classes have the same total weight.
        limits: the limits of one trial.
        resources: the resources of one training on a cluster; by default one core.
    """

    epochs_given: Annotated[_Count, Field(alias="epochs")] = 100
    batch_size_given: Annotated[_Count, Field(alias="batch_size")] = 32
    early_stopping: EarlyStoppingSpec | None = EarlyStoppingSpec()
    callbacks: tuple[Callback, ...] = ()
    class_weight_given: Annotated[_ClassWeightOrParam | None, Field(alias="class_weight")] = None
    limits: LimitsSpec = LimitsSpec()
    resources: ResourcesSpec | None = None

    @field_validator("epochs_given", "batch_size_given")
    @classmethod
    def _check_count(cls, value: Any) -> Any:
        if not isinstance(value, int) and (problem := count_problem(value.domain())):
            raise ValueError(problem)
        return value

    @property
    def epochs(self) -> int:
        """The maximum of epochs, once it is settled."""
        return self._settled("epochs")

    @property
    def batch_size(self) -> int:
        """The number of rows of one step, once it is settled."""
        return self._settled("batch_size")

    @property
    def class_weight(self) -> str | dict[str, float] | None:
        """The weights of the classes, once they are settled."""
        if isinstance(self.class_weight_given, ClassWeights):
            raise ValueError("one of the values of training.class_weight has to be chosen first")
        return self.class_weight_given

    def _settled(self, name: str) -> int:
        given = getattr(self, f"{name}_given")
        if not isinstance(given, int):
            raise ValueError(f"one of the values of training.{name} has to be chosen first")
        return given

    @property
    def given(self) -> tuple[Given, ...]:
        """The callbacks in their parts."""
        return tuple(map(given, self.callbacks))

    @property
    def code(self) -> tuple[str, ...]:
        """The references to the user's own code that trainings need."""
        return tuple(name for each in self.given for name in each.references)

    def relocated(self, relocate: Callable[[str], str]) -> TrainingSpec:
        """Return the keys with other references to the user's own code."""
        moved = tuple(
            {
                relocate(each.code) if each.code else each.name: {
                    key: relocate(value) if is_code(value) else value
                    for key, value in each.arguments.items()
                }
            }
            for each in self.given
        )
        return self.model_copy(update={"callbacks": moved})

    @property
    def sought(self) -> dict[str, Domain]:
        """The keys that are params of the search, by the params' names: `training.batch_size`."""
        given = {name: getattr(self, f"{name}_given") for name in COUNTS}
        found: dict[str, Domain] = {
            f"training.{name}": each.domain()
            for name, each in given.items()
            if not isinstance(each, int)
        }
        if isinstance(self.class_weight_given, ClassWeights):
            found[f"training.{WEIGHTS}"] = self.class_weight_given.domain
        return found

    def settled(self, params: Params) -> TrainingSpec:
        """Return the keys as a trial with these params has them.

        A param that is not active in the trial leaves its key at the default.
        """
        chosen: dict[str, Any] = {}
        weights = self.class_weight_given
        if WEIGHTS in params:
            chosen["class_weight_given"] = params[WEIGHTS]
        elif isinstance(weights, ClassWeights):
            chosen["class_weight_given"] = weights.value_of(params.get(f"training.{WEIGHTS}"))
        if any(name.startswith(PREFIX) for name in params):
            own = [with_params(each, params) for each in self.given]
            chosen["callbacks"] = tuple({each.code or each.name: each.arguments} for each in own)
        for name in COUNTS:
            field = f"{name}_given"
            found = params.get(f"training.{name}", params.get(name))
            if found is not None:
                chosen[field] = found
            elif f"training.{name}" in self.sought:
                chosen[field] = type(self).model_fields[field].default
        return self.model_copy(update=chosen)


def ends(domain: Domain) -> tuple[Any, ...]:
    """Return the values of a choice, or the ends of a range."""
    return domain.values if isinstance(domain, Choice) else (domain.low, domain.high)


def check_counts(training: TrainingSpec, space: Mapping[str, Domain]) -> None:
    """Refuse params of each training that are no counts, or that are given twice.

    Args:
        training: the keys of each training, some of which may be params.
        space: the params of the space, some of which may be the training's.

    Raises:
        MisplacedError: for the first of them, with its key in the study.
    """
    known = {**space, **training.sought}
    for name, domain in training.sought.items():
        if domain.when is not None:
            try:
                check_condition(name, domain.when, space, known)
            except ValueError as error:
                raise MisplacedError((*name.split("."), "when"), str(error)) from None
    for key, name in (("training", "training.epochs"), ("space", "epochs")):
        if name in known and known[name].when is not None:
            raise MisplacedError((key, "epochs"), "is for all trials: leave when out")
    if WEIGHTS in space:
        _check_weights(training, space[WEIGHTS])
    for name in COUNTS:
        if name not in space:
            continue
        field = f"{name}_given"
        given = getattr(training, field)
        if problem := count_problem(space[name]):
            raise MisplacedError(("space", name), f"is training.{name}: {problem}")
        default = given == type(training).model_fields[field].default
        if not default and not (isinstance(given, int) and space[name].contains(given)):
            raise MisplacedError(
                ("training", name), f"is {name} of the space, too: leave one of them out"
            )


def _check_weights(training: TrainingSpec, domain: Domain) -> None:
    """Refuse a param of the space `class_weight` that is not what the training takes."""
    right = isinstance(domain, Choice) and set(domain.values) <= {"balanced", None}
    if not right or domain.when is not None:
        raise MisplacedError(
            ("space", WEIGHTS),
            "is training.class_weight: must be {choice: [balanced, null]}; others are written as "
            "training: {class_weight: {choice: [balanced, {no: 1, yes: 5}]}}",
        )
    if training.class_weight_given is not None:
        raise MisplacedError(
            ("training", WEIGHTS), "is class_weight of the space, too: leave one of them out"
        )
