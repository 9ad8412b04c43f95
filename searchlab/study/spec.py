"""StudySpec: a study file as frozen, validated types; `file` reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, Tag, field_validator, model_validator

from searchlab.core.space import SearchSpace
from searchlab.study.columns import KindName, Scale, TargetScale, TextSpec
from searchlab.study.ending import Confirm, ConfirmSpec, Ending
from searchlab.study.fields import MisplacedError, Part, PlainValues, either, name_or_group
from searchlab.study.limits import OnFailure, RetrySpec
from searchlab.study.others import InitialWeights, InitialWeightsSpec, StudyName
from searchlab.study.params import ParamSpec, check_space
from searchlab.study.reading import ReadingSpec
from searchlab.study.splitting import EvaluationSpec, Fraction, SplitSpec
from searchlab.study.training import TrainingSpec, unseen

_MINIMIZED = ("loss", "error", "mse", "mae", "rmse", "msle", "mape", "deviance", "crossentropy")
_MAXIMIZED = ("accuracy", "acc", "auc", "precision", "recall", "r2", "score", "f1", "iou")
_SURE: dict[str, str] = {"loss": "minimize", "accuracy": "maximize", "auc": "maximize"}


_TEST, _VALIDATION = 0.2, 0.2


_Paths = Annotated[
    str | tuple[str, ...], either("must be a path, or a list such as [a.csv, b.csv]")
]
_Size = tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]
_SOURCES = ("dataset", "path", "sql", "function")


class DataSpec(ReadingSpec):
    """The data set and its split: test rows, then early-stopping rows, the rest for training.

    Attributes:
        dataset: the name of a data set that a library ships or fetches.
        path: a file, several as a list or by a pattern such as parts/*.csv, a directory of Parquet
            files or with a directory of pictures or texts for each class, or an address; relative
            to the study file.
        sql: a query, whose rows are the data set.
        url_env: the environment variable with the address of the database that `sql` asks.
        function: a function that returns the data set, as path/to/file.py:function.
        image_size: the height and width that pictures of a directory are scaled to.
        target: the column (or the array, for NPZ) to predict.
        features: the columns to learn from, by name or pattern, such as `temp_*`; by default all.
        drop: columns that are not features, by name or pattern.
        id: the column that says which row is which; it goes with the predictions and is not a
            feature.
        kinds: the kinds of columns by name or pattern, where their values do not tell: `number`,
            `boolean`, `category`, `text`, `date`, the format of dates such as `'%d/%m/%Y'`, or
            `ignore`.
        weight: the column (or the array) with each row's weight in the loss; not a feature.
        task: the kind of target; by default inferred from its values.
        split: how rows are divided if not by chance alone.
        test: the fraction of all rows that is used only once, at the end; with 0 there are none,
            and the study's model is measured on the early-stopping rows.
        validation: the fraction of the other rows for early stopping.
        test_path: a file with the test rows, with the same columns.
        validation_path: a file with the early-stopping rows, with the same columns.
        scale: how numeric features are scaled, fitted on the training rows: `standard` (mean 0,
            variance 1; the default), `minmax` (0 to 1), `robust` (median 0, quartiles 1 apart),
            `quantile` (a normal distribution), `none`, or a transformer of your own like
            scikit-learn's, such as `my.py:Transformer`.
        categories: how categories become numbers: `one_hot` (one each), `ordinal` (by the alphabet,
            scaled), `target` (the mean target of the category's other rows), or `integer` (from 1,
            for an Embedding; 0 if unknown).
        text: how longer text becomes numbers.
        target_transform: what a quantity becomes for the model, fitted on the training rows and
            undone in predictions and metrics: `standard`, `log1p`, `quantile`, `none`, a
            transformer of your own such as `my.py:Transformer`, or `auto`: for the built-in models
            `log1p` or `standard` where the target needs it, else `none`.
        missing_target: whether rows without a target are an error, `refuse`, or left out, `drop`.
    """

    dataset: str | None = None
    path: _Paths | None = None
    sql: str | None = None
    url_env: str | None = None
    function: str | None = None
    image_size: _Size | None = None
    target: str | None = None
    features: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    drop: tuple[str, ...] = ()
    id: str | None = None
    kinds: dict[str, KindName] = Field(default_factory=dict)
    weight: str | None = None
    task: Literal["regression", "classification"] | None = None
    split: SplitSpec | None = None
    test: Annotated[float, Field(ge=0, lt=1)] = _TEST
    validation: Fraction = _VALIDATION
    test_path: str | None = None
    validation_path: str | None = None
    scale: Scale | None = None
    categories: Literal["one_hot", "ordinal", "target", "integer"] = "one_hot"
    text: TextSpec = TextSpec()
    target_transform: TargetScale = "auto"
    missing_target: Literal["refuse", "drop"] = "refuse"

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_source()
        if self.target in self.drop:
            raise MisplacedError(
                ("drop",), f"contains the target {self.target!r}: remove it from the list"
            )
        if self.weight is not None and self.weight in (self.target, *self.drop):
            other = "the target" if self.weight == self.target else "in drop"
            raise MisplacedError(
                ("weight",), f"is {self.weight!r}, which is also {other}: leave one of them out"
            )
        self._check_split()
        self._check_columns()
        return self

    def _check_source(self) -> None:
        """Refuse none or several sources, and keys that go with another one."""
        given = [key for key in _SOURCES if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(
                "give either a dataset, such as dataset: digits, or a file, such as path: "
                "houses.csv with target: price, or sql with url_env, or a function"
            )
        if (self.sql is None) != (self.url_env is None):
            raise ValueError("sql and url_env go together: give both, as sql: select * from houses "
                             "and url_env: DATABASE_URL")  # fmt: skip
        if self.path == ():
            raise MisplacedError(("path",), "is empty: name a file")
        if self.target is None and (self.sql is not None or self._is_file):
            raise ValueError("a file needs a target: name the column to predict, as target: price")
        files = ("validation_path", "test_path", "image_size", *ReadingSpec.model_fields)
        columns = ("features", "drop", "id", "kinds")
        for key in ("target", *columns, "weight", "task", *files):
            used = getattr(self, key) not in (None, (), {})
            if used and self.dataset is not None:
                raise MisplacedError((key,), "goes with path only: leave it out with a dataset")
            if used and key in files and self.path is None and key != "missing":
                raise MisplacedError((key,), "goes with path only: leave it out")

    @property
    def _is_file(self) -> bool:
        """Whether the path is that of a file: a directory has no ending."""
        return self.path is not None and not (
            isinstance(self.path, str) and "." not in self.path.rpartition("/")[2]
        )

    def _check_split(self) -> None:
        """Refuse two answers to the question which rows are a part's, or what a column is for."""
        for key, default in (("test", _TEST), ("validation", _VALIDATION)):
            file = f"{key}_path"
            if getattr(self, file) is not None and getattr(self, key) != default:
                raise MisplacedError((key,), f"is for a part of path, and {file} has all of its "
                                     f"rows: leave one of them out")  # fmt: skip
            if getattr(self, file) is not None and self.parts_column is not None:
                raise MisplacedError((file,), "says the part of rows, and so does split.column: "
                                     "leave one of them out")  # fmt: skip
        split = self.split
        if split is None or split.no_feature is None:
            return
        names: dict[str, tuple[str | None, ...]] = {
            "the target": (self.target,),
            "the weight": (self.weight,),
            "in features": (self.features or ()) if split.by is None else (),
        }
        for other, these in names.items():
            if split.no_feature in these:
                key = split.key.removeprefix("data.")
                raise MisplacedError(
                    tuple(key.split(".")),
                    f"is {split.no_feature!r}, which is also {other}: leave one of them out",
                )

    @property
    def tested(self) -> bool:
        """Whether there are test rows."""
        return self.test > 0

    @property
    def measured(self) -> Literal["test", "validation"]:
        """The part on whose rows the study's model and the baselines are measured."""
        return "test" if self.tested else "validation"

    @property
    def parts_column(self) -> str | None:
        """The column that says the part of each row, or None."""
        return None if self.split is None or self.split.by is not None else self.split.column

    @property
    def title(self) -> str:
        """The data set's source in a word or two."""
        path = self.path if self.path is None or isinstance(self.path, str) else self.path[0]
        return self.dataset or path or self.function or f"the database of {self.url_env}"

    @property
    def files(self) -> dict[str, str | tuple[str, ...]]:
        """The files of the data set by their keys."""
        keys = ("path", "validation_path", "test_path")
        return {key: file for key in keys if (file := getattr(self, key)) is not None}

    @property
    def own(self) -> tuple[str, ...]:
        """The references to the user's own code that a model needs."""
        return (self.scaling,) if ":" in self.scaling else ()

    @property
    def code(self) -> tuple[str, ...]:
        """The references to the user's own code that the data need."""
        function = () if self.function is None else (self.function,)
        transformers = (name for name in (self.scaling, self.target_transform) if ":" in name)
        return (*function, *transformers)

    @property
    def set_apart(self) -> str | None:
        """The column that divides the rows and is no feature: a time is one if it is named so."""
        name = None if self.split is None else self.split.no_feature
        return None if name in (self.features or ()) else name

    @property
    def scaling(self) -> str:
        """The scale of numbers, given or not."""
        return self.scale or "standard"

    def _check_columns(self) -> None:
        """Refuse a column with two roles."""
        roles = {"target": self.target, "weight": self.weight, "id": self.id}
        for key in ("target", "weight"):
            if self.id is not None and self.id == roles[key]:
                raise MisplacedError(
                    ("id",), f"is {self.id!r}, which is also the {key}: leave one of them out"
                )
        for role, name in roles.items():
            if name is not None and name in (self.features or ()):
                raise MisplacedError(
                    ("features",),
                    f"contains the {role} {name!r}: remove it from the list",
                )
            if name is not None and name in self.kinds:
                remedy = "use task" if role == "target" else "leave it out"
                raise MisplacedError(
                    ("kinds", name), f"is the {role}, whose values are not a feature's: {remedy}"
                )


class ModelSpec(Part):
    """A model factory with params that are the same in all trials.

    Attributes:
        factory: `mlp`, `path/to/file.py:function` or `package.module:function`.
        params: fixed keyword arguments of the factory.
        initial_weights: another study, whose model provides initial weights of the first layers.
    """

    factory: str
    params: dict[str, PlainValues] = Field(default_factory=dict)
    initial_weights: InitialWeights | None = None

    @property
    def initial(self) -> InitialWeightsSpec | None:
        """The source of initial weights, also if the file gives only a name."""
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
    """The metric to optimise, by Keras' name, on unseen rows.

    Attributes:
        metric: `val_loss`, or `val_` and the name of one of the model's metrics.
        direction: whether a low or a high value is better; by default inferred from the metric's
            name.
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
        """The direction, given or inferred."""
        return self.direction or self._inferred() or "minimize"

    def cost(self, value: float) -> float:
        """Return a sort key: lower for better values."""
        return -value if self.maximized else value

    def better(self, value: float, other: float) -> bool:
        """Return whether `value` is strictly better than `other`."""
        return value > other if self.maximized else value < other


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
    model: _Model = "mlp"
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
        if self.training.class_weight is not None and self.data.task == "regression":
            raise MisplacedError(
                ("training", "class_weight"),
                "is for classes, and data.task is regression: leave it out",
            )
        if self.evaluation.class_weight and self.training.class_weight is None:
            raise MisplacedError(
                ("evaluation", "class_weight"),
                "needs the weights: add class_weight to training, such as class_weight: balanced",
            )
        self._check_categories()
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
        if self.data.categories == "integer" and self.factory.factory == "mlp":
            raise MisplacedError(
                ("data", "categories"),
                "integer is for models with an Embedding, which mlp has not: use one_hot, or a "
                "factory of your own",
            )
        if self.data.categories == "target" and self.evaluation.folds is not None:
            raise MisplacedError(
                ("data", "categories"),
                "target would show each fold the targets it is scored on: use one_hot, or give "
                "evaluation a holdout in place of folds",
            )

    @property
    def search_space(self) -> SearchSpace:
        """The search space."""
        return SearchSpace({name: spec.domain() for name, spec in self.space.items()})

    @property
    def factory(self) -> ModelSpec:
        """The model factory, also if the file gives only a name."""
        return ModelSpec(factory=self.model) if isinstance(self.model, str) else self.model

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
