"""StudySpec: a study file as frozen, validated types. Reading the file is `study_file`'s work."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from searchlab.space import Choice, Domain, Float, Int, Scalar, SearchSpace, When

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_MINIMIZED = ("loss", "error", "mse", "mae", "rmse", "msle", "mape", "deviance", "crossentropy")
_MAXIMIZED = ("accuracy", "acc", "auc", "precision", "recall", "r2", "score", "f1", "iou")


class _Part(BaseModel):
    """A part of a study file: unknown keys and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Fraction = Annotated[float, Field(gt=0, lt=1)]


class WhenSpec(_Part):
    """`when: {param: n_hidden, in: [2, 3]}`: the param is only used if another has such a value."""

    param: str
    values: Annotated[tuple[Scalar, ...], Field(alias="in", min_length=1)]

    def condition(self) -> When:
        """The condition as the search space knows it."""
        return When(self.param, self.values)


class _ParamSpec(_Part):
    when: WhenSpec | None = None

    def domain(self) -> Domain:
        """The param as the search space knows it."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.domain()
        return self

    def _condition(self) -> When | None:
        return None if self.when is None else self.when.condition()


class IntSpec(_ParamSpec):
    """`{int: [low, high]}`: whole numbers, both ends included."""

    range: Annotated[tuple[int, int], Field(alias="int")]
    step: Annotated[int, Field(ge=1)] = 1
    log: bool = False

    def domain(self) -> Int:
        """The param as the search space knows it."""
        return Int(*self.range, step=self.step, log=self.log, when=self._condition())


class FloatSpec(_ParamSpec):
    """`{float: [low, high]}`: real numbers; `log: true` for rates that span magnitudes."""

    range: Annotated[tuple[float, float], Field(alias="float")]
    step: Annotated[float, Field(gt=0)] | None = None
    log: bool = False

    def domain(self) -> Float:
        """The param as the search space knows it."""
        return Float(*self.range, step=self.step, log=self.log, when=self._condition())


class ChoiceSpec(_ParamSpec):
    """`{choice: [a, b]}`: one of some plain values."""

    values: Annotated[tuple[Scalar, ...], Field(alias="choice")]

    def domain(self) -> Choice:
        """The param as the search space knows it."""
        return Choice(self.values, when=self._condition())


def _kind(value: Any) -> str | None:
    if isinstance(value, IntSpec | FloatSpec | ChoiceSpec):
        return type(value).__name__.removesuffix("Spec").lower()
    if not isinstance(value, dict):
        return None
    kinds = [kind for kind in ("int", "float", "choice") if kind in value]
    return kinds[0] if len(kinds) == 1 else None


ParamSpec = Annotated[
    Annotated[IntSpec, Tag("int")]
    | Annotated[FloatSpec, Tag("float")]
    | Annotated[ChoiceSpec, Tag("choice")],
    Discriminator(
        _kind,
        custom_error_type="param_kind",
        custom_error_message="must be one of {int: [low, high]}, {float: [low, high]} and "
        "{choice: [a, b]}",
    ),
]


class DataSpec(_Part):
    """The data set and how it is split: test, then early-stopping data, the rest for training.

    Attributes:
        dataset: the name of a data set that a library ships or fetches.
        path: a CSV, Parquet or NPZ file, relative to the study file.
        target: the column (or the array, for NPZ) to predict.
        drop: columns that are not features, such as an id.
        task: what the target is; inferred from it if left out.
        test: the fraction of all rows that is only used once, at the end.
        validation: the fraction of the other rows that early stopping looks at.
        scale: how numeric features are scaled, fitted on the training rows.
    """

    dataset: str | None = None
    path: str | None = None
    target: str | None = None
    drop: tuple[str, ...] = ()
    task: Literal["regression", "classification"] | None = None
    test: Fraction = 0.2
    validation: Fraction = 0.2
    scale: Literal["standard", "minmax", "none"] = "standard"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.dataset is None) == (self.path is None):
            raise ValueError("name either a dataset or the path of a file")
        if self.path is not None and self.target is None:
            raise ValueError("a file needs a target: name the column to predict")
        if self.path is None and (self.target is not None or self.drop or self.task is not None):
            raise ValueError("target, drop and task go with path: leave them out with dataset")
        if self.target in self.drop:
            raise ValueError(f"the target {self.target!r} cannot be dropped")
        return self


class ModelSpec(_Part):
    """A model factory with params that stay the same in all trials.

    Attributes:
        factory: `mlp`, `path/to/file.py:function` or `package.module:function`.
        params: fixed keyword arguments of the factory.
    """

    factory: str
    params: dict[str, Scalar | tuple[Scalar, ...]] = {}


class ObjectiveSpec(_Part):
    """The metric to optimise, as Keras names it, on rows that no training has seen."""

    metric: str = "val_loss"
    direction: Literal["minimize", "maximize"] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.metric.startswith("val_") or self.metric == "val_":
            raise ValueError(
                f"{self.metric!r} is a training metric; name one measured on unseen rows, "
                f"such as val_{self.metric.removeprefix('val_') or 'loss'}"
            )
        if self.direction is None and self._inferred() is None:
            raise ValueError(
                f"is {self.metric} better when low or high? Add direction: minimize or maximize"
            )
        return self

    def _inferred(self) -> Literal["minimize", "maximize"] | None:
        if any(word in self.metric for word in _MINIMIZED):
            return "minimize"
        return "maximize" if any(word in self.metric for word in _MAXIMIZED) else None

    @property
    def maximized(self) -> bool:
        """Whether a higher value is better."""
        return (self.direction or self._inferred()) == "maximize"

    def better(self, value: float, other: float) -> bool:
        """Whether `value` is strictly better than `other`."""
        return value > other if self.maximized else value < other


class SearchSpec(_Part):
    """Which library searches, how long, and from which seed.

    Attributes:
        backend: the search library that drives the study.
        trials: how many trials in total; if left out, `seconds` or the backend ends the study.
        seconds: how long the study may take in total.
        seed: the seed of the backend, the splits and every training.
        options: the backend's own options.
    """

    backend: str = "optuna"
    trials: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    seconds: Annotated[float, Field(gt=0)] | None = None
    seed: Annotated[int, Field(ge=1, le=2**31 - 1)] = 42
    options: dict[str, Any] = {}


class EarlyStoppingSpec(_Part):
    """Keras' `EarlyStopping`, watching the early-stopping data."""

    patience: Annotated[int, Field(ge=1)] = 10
    monitor: str = "val_loss"
    min_delta: Annotated[float, Field(ge=0)] = 0.0
    restore_best_weights: bool = True


class TrainingSpec(_Part):
    """How each training goes. `early_stopping: null` trains all epochs."""

    epochs: Annotated[int, Field(ge=1)] = 100
    batch_size: Annotated[int, Field(ge=1)] = 32
    early_stopping: EarlyStoppingSpec | None = EarlyStoppingSpec()


class EvaluationSpec(_Part):
    """What scores a trial: cross-validation over the training rows, or a hold-out of them."""

    folds: Annotated[int, Field(ge=2)] | None = None
    holdout: Fraction | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.folds is None) == (self.holdout is None):
            raise ValueError("give either folds (such as 3) or holdout (such as 0.2)")
        return self

    @property
    def trainings(self) -> int:
        """How many trainings a trial has."""
        return self.folds or 1


class ExecutionSpec(_Part):
    """Where trainings run. Does not change what they compute."""

    executor: str = "process"
    workers: Annotated[int, Field(ge=1, le=256)] = 1


def _known_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(
            f"{value!r} is no study name: use letters, digits, '.', '_' and '-', at most 80"
        )
    return value


class StudySpec(_Part):
    """A whole study file."""

    name: Annotated[str, AfterValidator(_known_name)]
    data: DataSpec
    model: str | ModelSpec = "mlp"
    space: Annotated[dict[str, ParamSpec], Field(min_length=1)]
    objective: ObjectiveSpec = ObjectiveSpec()
    search: SearchSpec = SearchSpec()
    training: TrainingSpec = TrainingSpec()
    evaluation: EvaluationSpec = EvaluationSpec(holdout=0.2)
    execution: ExecutionSpec = ExecutionSpec()

    @field_validator("space")
    @classmethod
    def _check_space(cls, value: dict[str, ParamSpec], _: ValidationInfo) -> dict[str, ParamSpec]:
        for name in value:
            if not name.isidentifier():
                raise ValueError(f"{name!r} cannot be an argument of a function: rename it")
        SearchSpace({name: spec.domain() for name, spec in value.items()})
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        both = sorted(set(self.space) & set(self.factory.params))
        if both:
            raise ValueError(f"{both[0]!r} stands in model.params and in space: leave one out")
        return self

    @property
    def search_space(self) -> SearchSpace:
        """The search space, free of how the file writes it."""
        return SearchSpace({name: spec.domain() for name, spec in self.space.items()})

    @property
    def factory(self) -> ModelSpec:
        """The model factory, however short the file names it."""
        return ModelSpec(factory=self.model) if isinstance(self.model, str) else self.model

    def as_dict(self) -> dict[str, Any]:
        """The study as plain values, every default written out; `from_dict` reads it again."""
        return self.model_dump(mode="json", by_alias=True)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> StudySpec:
        """The study that `as_dict` wrote."""
        return cls.model_validate_json(json.dumps(values))


@dataclass(frozen=True)
class Difference:
    """One key in which two studies differ."""

    key: str
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.key}: {self.old!r} -> {self.new!r}"


_MAY_CHANGE = ("search.trials", "search.seconds", "execution.executor", "execution.workers")


def differences(old: StudySpec, new: StudySpec) -> list[Difference]:
    """The keys in which `new` is another study than `old`; budgets and workers may change."""
    before, after = _flat(old.as_dict()), _flat(new.as_dict())
    changed = [
        Difference(key, before.get(key), after.get(key))
        for key in sorted({*before, *after} - set(_MAY_CHANGE))
        if before.get(key) != after.get(key)
    ]
    if not changed and list(old.space) != list(new.space):  # backends sample in this order
        changed.append(Difference("space", list(old.space), list(new.space)))
    return changed


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat
