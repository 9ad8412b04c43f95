"""StudySpec: a study file as frozen, validated types. Reading the file is `file`'s work."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, Tag, field_validator, model_validator

from searchlab.core.space import SearchSpace
from searchlab.study.ending import Confirm, ConfirmSpec, Ending
from searchlab.study.fields import MisplacedError, Part, PlainValues, name_or_group
from searchlab.study.limits import OnFailure, RetrySpec
from searchlab.study.others import InitialWeights, InitialWeightsSpec, StudyName
from searchlab.study.params import ParamSpec, check_space
from searchlab.study.training import TrainingSpec, unseen

_MINIMIZED = ("loss", "error", "mse", "mae", "rmse", "msle", "mape", "deviance", "crossentropy")
_MAXIMIZED = ("accuracy", "acc", "auc", "precision", "recall", "r2", "score", "f1", "iou")
_SURE: dict[str, str] = {"loss": "minimize", "accuracy": "maximize", "auc": "maximize"}


Fraction = Annotated[float, Field(gt=0, lt=1)]


class DataSpec(Part):
    """The data set and how it is split: test, then early-stopping data, the rest for training.

    Attributes:
        dataset: the name of a data set that a library ships or fetches.
        path: a CSV, Parquet or NPZ file, relative to the study file.
        target: the column (or the array, for NPZ) to predict.
        drop: columns that are not features, such as an id.
        weight: the column (or the array) with each row's weight in the loss; no feature.
        task: what the target is; inferred from it if left out.
        test: the fraction of all rows that is only used once, at the end.
        validation: the fraction of the other rows that early stopping looks at.
        scale: how numeric features are scaled, fitted on the training rows.
    """

    dataset: str | None = None
    path: str | None = None
    target: str | None = None
    drop: tuple[str, ...] = ()
    weight: str | None = None
    task: Literal["regression", "classification"] | None = None
    test: Fraction = 0.2
    validation: Fraction = 0.2
    scale: Literal["standard", "minmax", "none"] = "standard"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.dataset is None) == (self.path is None):
            raise ValueError(
                "give either a dataset, such as dataset: digits, or a file, such as path: "
                "houses.csv with target: price"
            )
        if self.path is not None and self.target is None:
            raise ValueError("a file needs a target: name the column to predict, as target: price")
        for key in ("target", "drop", "weight", "task"):
            if self.path is None and getattr(self, key):
                raise MisplacedError((key,), "goes with path only: leave it out with a dataset")
        if self.target in self.drop:
            raise MisplacedError(
                ("drop",), f"has the target {self.target!r} in it: take it out of the list"
            )
        if self.weight is not None and self.weight in (self.target, *self.drop):
            other = "the target" if self.weight == self.target else "in drop"
            raise MisplacedError(
                ("weight",), f"is {self.weight!r}, which is {other} too: leave one of them out"
            )
        return self


class ModelSpec(Part):
    """A model factory with params that stay the same in all trials.

    Attributes:
        factory: `mlp`, `path/to/file.py:function` or `package.module:function`.
        params: fixed keyword arguments of the factory.
        initial_weights: another study, whose model gives the first layers their initial weights.
    """

    factory: str
    params: dict[str, PlainValues] = Field(default_factory=dict)
    initial_weights: InitialWeights | None = None

    @property
    def initial(self) -> InitialWeightsSpec | None:
        """Where the first layers' weights come from, however short the file names it."""
        given = self.initial_weights
        return InitialWeightsSpec(study=given) if isinstance(given, str) else given


_Model = Annotated[
    Annotated[str, Tag("<name>")] | Annotated[ModelSpec, Tag("<group>")],
    name_or_group(
        ModelSpec,
        "must be the name of a model factory, such as mlp, or a group such as "
        "{factory: mlp, params: {optimizer: adam}}",
    ),
]


class ObjectiveSpec(Part):
    """The metric to optimise, as Keras names it, on rows that no training has seen.

    Attributes:
        metric: `val_loss`, or `val_` and the name of one of the model's metrics.
        direction: whether a low or a high value is better; inferred from the metric's name if
            left out.
    """

    metric: str = "val_loss"
    direction: Literal["minimize", "maximize"] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.metric.startswith("val_") or self.metric == "val_":
            raise MisplacedError(("metric",), unseen(self.metric))
        if self.direction is None and self._inferred() is None:
            raise MisplacedError(
                ("metric",),
                f"is {self.metric} better when low or high? Add direction: minimize or maximize",
            )
        sure = next((way for word, way in _SURE.items() if word in self.metric.split("_")), None)
        if sure is not None and self.direction not in (None, sure):
            raise MisplacedError(
                ("direction",),
                f"{self.direction} would find the worst {self.metric}: write {sure}",
            )
        return self

    def _inferred(self) -> Literal["minimize", "maximize"] | None:
        if any(word in self.metric for word in _MINIMIZED):
            return "minimize"
        return "maximize" if any(word in self.metric for word in _MAXIMIZED) else None

    @property
    def maximized(self) -> bool:
        """Whether a higher value is better."""
        return self.way == "maximize"

    @property
    def way(self) -> Literal["minimize", "maximize"]:
        """The direction, also where the metric's name tells it."""
        return self.direction or self._inferred() or "minimize"

    def cost(self, value: float) -> float:
        """What is the lower the better the value is, to sort by."""
        return -value if self.maximized else value

    def better(self, value: float, other: float) -> bool:
        """Whether `value` is strictly better than `other`."""
        return value > other if self.maximized else value < other


class SearchSpec(Part):
    """Which library searches, how long, and from which seed.

    Attributes:
        backend: the search library that drives the study.
        trials: how many trials in total; if left out, `seconds` or the backend ends the study.
        seconds: how long the study may take in total.
        seed: the seed of the backend, the splits and every training.
        on_failure: what a failed trial does: `continue` with the others, `{retry: N}` trains it
            again first, `stop` ends the study.
        options: the backend's own options.
        warm_start: studies of the same working directory, on the same space and data, with whose
            trials the backend begins.
    """

    backend: str = "optuna"
    trials: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    seconds: Annotated[float, Field(gt=0)] | None = None
    seed: Annotated[int, Field(ge=1, le=2**31 - 1)] = 42
    on_failure: OnFailure = "continue"
    options: dict[str, Any] = Field(default_factory=dict)
    warm_start: tuple[StudyName, ...] = ()

    @property
    def retries(self) -> int:
        """How often a failed trial is trained again."""
        return self.on_failure.retry if isinstance(self.on_failure, RetrySpec) else 0


class EvaluationSpec(Part):
    """What scores a trial: cross-validation over the training rows, or a hold-out of them.

    Attributes:
        folds: how many trainings a trial has, each scored on the fold that it did not see.
        holdout: the fraction of the training rows that scores the trial's only training.
    """

    folds: Annotated[int, Field(ge=2)] | None = None
    holdout: Fraction | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.folds is None) == (self.holdout is None):
            raise ValueError(
                "give either folds, such as folds: 3, or holdout, such as holdout: 0.2"
            )
        return self

    @property
    def trainings(self) -> int:
        """How many trainings a trial has."""
        return self.folds or 1


class ExecutionSpec(Part):
    """Where trainings run. Does not change what they compute.

    Attributes:
        executor: what runs the trainings.
        workers: how many worker processes it has; with `process` each runs one training at a
            time, with `fused` many.
    """

    executor: str = "fused"
    workers: Annotated[int, Field(ge=1, le=256)] = 1


class StudySpec(Part):
    """A whole study file.

    Attributes:
        name: the study's name, and that of its directory and its run.
        data: the data set.
        model: the model factory.
        space: the search space.
        objective: what the search makes better.
        search: which library searches, and how long.
        training: how each training goes.
        evaluation: what scores a trial.
        execution: where trainings run.
        confirm: how the best trials are trained again at the end; 0 leaves it out.
        refit: whether the winner is fitted to all rows but the test's for the study's model.
        baselines: whether simple models are fitted to the same rows, to compare with.
        registered_model: under which name the study's model is registered in MLflow: the name
            that the file gives the study if left out; null for not at all.
    """

    name: StudyName
    data: DataSpec
    model: _Model = "mlp"
    space: Annotated[dict[str, ParamSpec], Field(min_length=1)]
    objective: ObjectiveSpec = ObjectiveSpec()
    search: SearchSpec = SearchSpec()
    training: TrainingSpec = TrainingSpec()
    evaluation: EvaluationSpec = EvaluationSpec(holdout=0.2)
    execution: ExecutionSpec = ExecutionSpec()
    confirm: Confirm = ConfirmSpec()
    refit: bool = True
    baselines: bool = True
    registered_model: StudyName | None = None

    @field_validator("space")
    @classmethod
    def _check_space(cls, value: dict[str, ParamSpec]) -> dict[str, ParamSpec]:
        check_space(value)
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in self.factory.params:
            if name in self.space:
                raise MisplacedError(
                    ("model", "params", name), "stands in space too: leave one of them out"
                )
        if self.training.class_weight is not None and self.data.task == "regression":
            raise MisplacedError(
                ("training", "class_weight"),
                "is for classes, and data.task is regression: leave it out",
            )
        if self.name in self.search.warm_start:
            raise MisplacedError(
                ("search", "warm_start"),
                f"names {self.name}, which is this study: name others, or give this one another "
                "name",
            )
        if self.factory.initial is not None and self.factory.initial.study == self.name:
            raise MisplacedError(
                ("model", "initial_weights"),
                f"names {self.name}, which is this study: name another, or give this one another "
                "name",
            )
        return self

    @property
    def search_space(self) -> SearchSpace:
        """The search space, free of how the file writes it."""
        return SearchSpace({name: spec.domain() for name, spec in self.space.items()})

    @property
    def factory(self) -> ModelSpec:
        """The model factory, however short the file names it."""
        return ModelSpec(factory=self.model) if isinstance(self.model, str) else self.model

    @property
    def ending(self) -> Ending:
        """What is done with the best trials once the search is over."""
        confirm = (self.confirm.top, self.confirm.seeds)
        return Ending(*confirm, self.refit, self.baselines, self.registered_model)

    def as_dict(self) -> dict[str, Any]:
        """The study as plain values, every default written out; `from_dict` reads it again."""
        return self.model_dump(mode="json", by_alias=True)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> StudySpec:
        """The study that `as_dict` wrote."""
        return cls.model_validate_json(json.dumps(values))
