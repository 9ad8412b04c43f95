"""StudySpec: a study file as frozen, validated types; `file` reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import product
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from searchlab.core.domains import Domain, Params, Scalar
from searchlab.core.space import SearchSpace
from searchlab.study.callbacks import check_callbacks
from searchlab.study.data import MOST_VARIANTS, DataSpec
from searchlab.study.ending import Confirm, ConfirmSpec, Ending
from searchlab.study.fields import MisplacedError, Part
from searchlab.study.limits import OnFailure, RetrySpec
from searchlab.study.model import Model, ModelSpec
from searchlab.study.objective import Direction, ObjectiveSpec, direction_of
from searchlab.study.others import StudyName
from searchlab.study.params import ChoiceSpec, ParamSpec, check_space
from searchlab.study.routing import MODEL, arguments
from searchlab.study.sought import Sought, options
from searchlab.study.splitting import EvaluationSpec
from searchlab.study.training import COUNTS, TrainingSpec, check_counts, ends


def _value(spec: ParamSpec | None, scalar: Scalar) -> Any:
    return spec.value_of(scalar) if isinstance(spec, ChoiceSpec) else scalar


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


class SearchSpec(Part):
    """The search: its library, budget and seed.

    Attributes:
        backend: the search library that drives the study.
        trials: the total number of trials; without it, `seconds` or the backend ends the study.
        seconds: the total time that the study may take.
        seed: the seed of the backend, the splits and every training.
        on_failure: the effect of a failed trial: `continue` with the others, `{retry: N}` trains it
            again first, `stop` ends the study.
        options: the backend's own options.
        warm_start: studies in the same working directory, on the same space and data, with whose
            trials the backend starts.
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
        """The number of times that a failed trial is trained again."""
        return self.on_failure.retry if isinstance(self.on_failure, RetrySpec) else 0


class ExecutionSpec(Part):
    """The place where trainings run, which does not change their results.

    Attributes:
        executor: the executor that runs the trainings.
        workers: the number of worker processes; with `process` each runs one training at a time,
            with `fused` many.
    """

    executor: str = "fused"
    workers: Annotated[int, Field(ge=1, le=256)] = 1


class StudySpec(Part):
    """A whole study file.

    Attributes:
        name: the name of the study, its directory and its run.
        data: the data set.
        model: the model factory.
        files: other files that code of your own reads, or imports by a name that it makes up, as
            paths or patterns such as words/*.txt, in the directory of the study file. They go to a
            cluster with the code and what it imports, which is found by itself.
        space: the search space.
        objective: the metric to optimise.
        search: the search library and its budget.
        training: the settings of each training.
        evaluation: the scoring of trials.
        execution: where trainings run.
        trackers: what follows the study besides its journal: `mlflow`, `memory`, or the names that
            installed packages offer; an empty list for nothing.
        confirm: how the best trials are retrained at the end; 0 to skip it.
        refit: whether the winner is refitted on all rows but the test rows for the study's model.
        baselines: whether simple models are fitted to the same rows for comparison.
        registered_model: the name under which the study's model is registered in MLflow; by
            default the name of the study in the file; null to skip it.
    """

    name: StudyName
    data: DataSpec
    model: Model = "mlp"
    files: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    space: Annotated[dict[str, ParamSpec], Field(min_length=1)]
    objective: ObjectiveSpec = ObjectiveSpec()
    search: SearchSpec = SearchSpec()
    training: TrainingSpec = TrainingSpec()
    evaluation: EvaluationSpec = EvaluationSpec(holdout=0.2)
    execution: ExecutionSpec = ExecutionSpec()
    trackers: tuple[str, ...] = ("mlflow",)
    confirm: Confirm = ConfirmSpec()
    refit: bool = True
    baselines: bool = True
    registered_model: StudyName | None = None

    @field_validator("space")
    @classmethod
    def _check_space(cls, value: dict[str, ParamSpec]) -> dict[str, ParamSpec]:
        check_space(value)
        return value

    @field_validator("files")
    @classmethod
    def _check_files(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name.startswith("/") or ".." in name.split("/"):
                raise ValueError(
                    f"{name} is not in the directory of the study file: move the file there, and "
                    "give its path from there"
                )
        return value

    @field_validator("trackers")
    @classmethod
    def _check_trackers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if value.count(name) > 1:
                raise ValueError(f"{name} appears twice: name each tracker once")
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in self.factory.params:
            if name in self.space:
                raise MisplacedError(
                    ("model", "params", name), "is in space too: leave one of them out"
                )
        weights = self.training.class_weight_given is not None or "class_weight" in self.space
        if weights and self.data.task == "regression":
            raise MisplacedError(
                ("training", "class_weight"),
                "is for classes, and data.task is regression: leave it out",
            )
        if self.evaluation.class_weight and (self.variants[0].keys() - self.data.sought.keys()):
            raise MisplacedError(
                ("evaluation", "class_weight"),
                "would score each trial with other weights, as class_weight is a param: leave it "
                "out",
            )
        if (count := len(self.variants)) > MOST_VARIANTS:
            raise ValueError(
                f"{' and '.join(self.variants[0])} have {count} combinations, for each of which "
                f"the data are prepared: give at most {MOST_VARIANTS}"
            )
        if self.evaluation.class_weight and not weights:
            raise MisplacedError(
                ("evaluation", "class_weight"),
                "needs the weights: add class_weight to training, such as class_weight: balanced",
            )
        check_counts(self.training, {name: each.domain() for name, each in self.space.items()})
        check_callbacks(self.training.given, self.space, self.objective)
        self._check_categories()
        self._check_stopping()
        self._check_units()
        if self.evaluation.repeats > 1 and self.data.split is not None and self.data.split.by:
            raise MisplacedError(
                ("evaluation", "repeats"), "times have one order only: leave it out with by: time"
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

    def _check_categories(self) -> None:
        """Refuse encodings of categories that this study cannot use rightly."""
        if "integer" in options(self.data.categories) and self.factory.factory == "mlp":
            raise MisplacedError(
                ("data", "categories"),
                "integer is for models with an Embedding, which mlp has not: use one_hot, or a "
                "factory of your own",
            )

    def _check_units(self) -> None:
        """Refuse to compare losses of differently transformed targets."""
        metric = self.objective.metric
        losses = {"val_loss", *(f"val_{output}_loss" for output in self.data.outputs)}
        if isinstance(self.data.target_transform, Sought) and metric in losses:
            raise MisplacedError(
                ("objective", "metric"),
                f"is {metric}, whose units differ between the values of data.target_transform: "
                "name a metric, such as val_mae, which is in the target's own units",
            )

    def _check_stopping(self) -> None:
        """Refuse early stopping by a metric of which nothing says whether low or high is better."""
        stopping, objective = self.training.early_stopping, self.objective
        if stopping is None:
            return
        given = stopping.direction
        if given and stopping.monitor == objective.metric and given != objective.way:
            raise MisplacedError(
                ("training", "early_stopping", "direction"),
                f"is {given}, and the objective's is {objective.way}: leave it out",
            )
        if self.stopping_way is None:
            raise MisplacedError(
                ("training", "early_stopping", "monitor"),
                f"is {stopping.monitor} better when low or high? Add direction: minimize or "
                "maximize",
            )

    @property
    def stopping_way(self) -> Direction | None:
        """Whether early stopping waits for a lower or a higher value; None without it."""
        stopping, objective = self.training.early_stopping, self.objective
        if stopping is None:
            return None
        if stopping.monitor == objective.metric:
            return objective.way
        return stopping.direction or direction_of(stopping.monitor)

    @property
    def named_metrics(self) -> tuple[str, ...]:
        """The metrics that the study needs a model to have, by Keras' names."""
        stopping = self.training.early_stopping
        named = [self.objective.metric, *([] if stopping is None else [stopping.monitor])]
        return tuple(dict.fromkeys(each.removeprefix("val_") for each in named))

    @property
    def search_space(self) -> SearchSpace:
        """The search space: the params of the model, then those of the data."""
        of_model = {name: spec.domain() for name, spec in self.space.items()}
        of_data = {name: values.domain for name, values in self.data.sought.items()}
        return SearchSpace({**of_model, **of_data, **self.training.sought})

    @property
    def of_training(self) -> dict[str, Domain]:
        """The params of each training, by the keys of it that they settle."""
        of_space = {name: each.domain() for name, each in self.space.items() if name in COUNTS}
        sought = self.training.sought.items()
        return {name.removeprefix("training."): domain for name, domain in sought} | of_space

    @property
    def most_epochs(self) -> int:
        """The maximum of epochs of any training."""
        domain = self.of_training.get("epochs")
        if domain is None:
            return self.training.epochs
        return max(map(int, ends(domain)))

    @property
    def epochs_param(self) -> str | None:
        """The param that is a trial's own maximum of epochs, or None."""
        names = ("epochs", "training.epochs")
        return next((each for each in names if each in self.search_space.domains), None)

    def settled(self, params: Params) -> StudySpec:
        """Return the study with the data's and trainings' keys as a trial with these params has."""
        data = self.data.settled(params) if self.data.sought else self.data
        training = self.training.settled(params)
        if data is self.data and training == self.training:
            return self
        return self.model_copy(update={"data": data, "training": training})

    @property
    def first(self) -> StudySpec:
        """The study with the first combination of the data's params, and those of trainings."""
        of_space = {name: ends(domain)[0] for name, domain in self.search_space}
        return self.settled(of_space)

    @property
    def variants(self) -> tuple[Params, ...]:
        """All combinations of the params for each of which the data are prepared."""
        names = ("class_weight", "training.class_weight")
        domains = self.search_space.domains
        weights = {name: ends(domains[name]) for name in names if name in domains}
        return tuple(
            {**of_data, **dict(zip(weights, chosen, strict=True))}
            for of_data in self.data.variants
            for chosen in product(*weights.values())
        )

    def variant(self, params: Params) -> int | None:
        """Return the number of a trial's combination, or None if there is only one."""
        names = self.variants[0]
        return self.variants.index({name: params[name] for name in names}) if names else None

    def arguments(self, params: Params) -> dict[str, Any]:
        """Return the arguments of the factory, fixed ones included, for a trial's params."""
        values = {name: _value(self.space.get(name), value) for name, value in params.items()}
        fixed = {name.removeprefix(MODEL): _plain(v) for name, v in self.factory.params.items()}
        return {**fixed, **arguments(values)}

    @property
    def factory(self) -> ModelSpec:
        """The model factory, also if the file gives only a name."""
        return ModelSpec(factory=self.model) if isinstance(self.model, str) else self.model

    @property
    def code(self) -> tuple[str, ...]:
        """The references to all code that may be the user's own."""
        return (self.factory.factory, *self.data.code, *self.training.code)

    @property
    def ending(self) -> Ending:
        """The steps after the search."""
        confirm = (self.confirm.top, self.confirm.seeds)
        return Ending(*confirm, self.refit, self.baselines, self.registered_model)

    def as_dict(self) -> dict[str, Any]:
        """Return the study as plain values with all defaults; `from_dict` reads them."""
        return self.model_dump(mode="json", by_alias=True)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> StudySpec:
        """Return the study that `as_dict` wrote."""
        return cls.model_validate_json(json.dumps(values))
