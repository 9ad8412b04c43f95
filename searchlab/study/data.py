"""DataSpec: the data set of a study file, its columns and its division."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, product
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from searchlab.core.domains import Params
from searchlab.study.columns import KindName, Scale, TargetScale, Text, TextSpec
from searchlab.study.fields import OR_A_LIST, MisplacedError, either
from searchlab.study.reading import ReadingSpec
from searchlab.study.sought import OrSought, Sought, changed, only, options, settled, sought
from searchlab.study.splitting import Fraction, SplitSpec

_TEST, _VALIDATION = 0.2, 0.2
MOST_VARIANTS = 24
"""The most combinations of params for each of which the data are prepared."""


_Paths = Annotated[
    str | Annotated[tuple[str, ...], OR_A_LIST],
    either("must be a path, or a list such as [a.csv, b.csv]"),
]
_Columns = Annotated[
    str | Annotated[tuple[str, ...], OR_A_LIST, Field(min_length=1)],
    either("must be a column, a pattern or a kind, or a list of them, such as [age, 'area_*']"),
]
_Target = Annotated[
    str | Annotated[dict[str, str], Field(min_length=2)],
    either("must be a column, or for a model with several outputs the column that each of them "
           "learns, such as {main: price, aux: price}"),
]  # fmt: skip
_Size = tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]
_SOURCES = ("dataset", "path", "sql", "function")


class DataSpec(ReadingSpec):
    """The data set and its split: test rows, then early-stopping rows, the rest for training.

    The keys that say what is done with columns may have several values, `{choice: [a, b]}`, each of
    which is then a param of the search, such as `data.scale`.

    Attributes:
        dataset: the name of a data set that a library ships or fetches.
        path: a file, several as a list or by a pattern such as parts/*.csv, a directory of Parquet
            files or with a directory of pictures or texts for each class, or an address; relative
            to the study file.
        sql: a query, whose rows are the data set.
        url_env: the environment variable with the address of the database that `sql` asks.
        function: a function that returns the data set, as path/to/file.py:function.
        image_size: the height and width that pictures of a directory are scaled to.
        learned: the column (or the array, for NPZ) to predict; for a model with several outputs
            that column by each output's name, the one that predicts first.
        features: the columns to learn from, by name or pattern, such as `temp_*`; by default all.
        inputs: the columns of each input of a model that has several, by the input's name: names,
            patterns, or kinds such as `category`. A column may be in several; columns in none are
            not features.
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
        test_folds: in place of `test`, the number of folds of all rows, each of which is the test
            of a study of its own, search included.
        test_fold: the one of these folds, from 1, that is the test of this study; `searchlab run`
            runs one after the other if it is left out.
        validation: the fraction of the other rows for early stopping.
        test_path: a file with the test rows, with the same columns.
        validation_path: a file with the early-stopping rows, with the same columns.
        scale: how numeric features are scaled, fitted to the rows of each fold: `standard` (mean 0,
            variance 1; the default), `minmax` (0 to 1), `robust` (median 0, quartiles 1 apart),
            `quantile` (a normal distribution), `none`, or a transformer of your own like
            scikit-learn's, such as `my.py:Transformer`.
        categories: how categories become numbers: `one_hot` (one each), `ordinal` (by the alphabet,
            scaled), `target` (the mean target of the category's other rows, scaled), or
            `integer` (from 1, for an Embedding; 0 if unknown).
        text: how longer text becomes numbers, or `raw`, for a model of your own that takes text,
            with a TextVectorization, say.
        target_transform: what a quantity becomes for the model, fitted to the rows of each fold and
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
    learned: _Target | None = Field(default=None, alias="target")
    features: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    inputs: Annotated[dict[str, _Columns], Field(min_length=1)] | None = None
    drop: tuple[str, ...] = ()
    id: str | None = None
    kinds: dict[str, KindName] = Field(default_factory=dict)
    weight: str | None = None
    task: Literal["regression", "classification"] | None = None
    split: SplitSpec | None = None
    test: Annotated[float, Field(ge=0, lt=1)] = _TEST
    test_folds: Annotated[int, Field(ge=2)] | None = None
    test_fold: Annotated[int, Field(ge=1)] | None = None
    validation: Fraction = _VALIDATION
    test_path: str | None = None
    validation_path: str | None = None
    scale: OrSought[Scale] | None = None
    categories: OrSought[Literal["one_hot", "ordinal", "target", "integer"]] = "one_hot"
    text: Text = TextSpec()
    target_transform: OrSought[TargetScale] = "auto"
    missing_target: Literal["refuse", "drop"] = "refuse"

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_source()
        if isinstance(self.learned, dict) and len(set(self.learned.values())) > 1:
            raise MisplacedError(
                ("target",),
                f"names the columns {', '.join(dict.fromkeys(self.learned.values()))}, and all "
                "outputs learn the same one: name one column for each of them",
            )
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
        self._check_test_folds()
        self._check_columns()
        if (count := len(self.variants)) > MOST_VARIANTS:
            raise ValueError(
                f"{' and '.join(self.sought)} have {count} combinations, for each of which the "
                f"data are prepared: give at most {MOST_VARIANTS}"
            )
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to other processes as text: the types of several values have no name to import."""
        return self.model_validate_json, (self.model_dump_json(by_alias=True, exclude_unset=True),)

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
            if key == "target" and self.outputs:
                continue
            if used and self.dataset is not None:
                raise MisplacedError((key,), "goes with path only: leave it out with a dataset")
            if used and key in files and self.path is None and key != "missing":
                raise MisplacedError((key,), "goes with path only: leave it out")

    @property
    def target(self) -> str | None:
        """The column to predict."""
        return next(iter(self.learned.values())) if isinstance(self.learned, dict) else self.learned

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs of the model that learn the target, the main one first; () if only one."""
        return tuple(self.learned) if isinstance(self.learned, dict) else ()

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

    def _check_test_folds(self) -> None:
        """Refuse a fold that is not there, and another answer to which rows are the test's."""
        if self.test_folds is None:
            if self.test_fold is not None:
                raise MisplacedError(("test_fold",), "is one of data.test_folds: give these, too, "
                                     "such as test_folds: 5, or leave it out")  # fmt: skip
            return
        if (self.test_fold or 1) > self.test_folds:
            raise MisplacedError(
                ("test_fold",), f"is {self.test_fold}, and there are {self.test_folds} folds"
            )
        others = {"test": self.test != _TEST, "test_path": self.test_path is not None}
        others["split.column"] = self.parts_column is not None
        for other, given in others.items():
            if given:
                raise MisplacedError(("test_folds",), f"says which rows are the test's, and so "
                                     f"does {other}: leave one of them out")  # fmt: skip

    @property
    def test_text(self) -> str:
        """The rows of the test in a word or two."""
        if self.test_folds is None:
            return f"{self.test}"
        return f"fold {self.test_fold or 1} of {self.test_folds}"

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
        return tuple(name for name in options(self.scale or "standard") if ":" in name)

    @property
    def code(self) -> tuple[str, ...]:
        """The references to the user's own code that the data need."""
        function = () if self.function is None else (self.function,)
        values = chain.from_iterable(map(options, self.transformers.values()))
        return (*function, *(name for name in values if ":" in name))

    @property
    def transformers(self) -> dict[str, str | Sought[str]]:
        """The values that may be references to the user's transformers, by their dotted keys."""
        return {
            "data.scale": self.scale or "standard",
            "data.target_transform": self.target_transform,
        }

    @property
    def set_apart(self) -> str | None:
        """The column that divides the rows and is no feature: a time is one if it is named so."""
        name = None if self.split is None else self.split.no_feature
        return None if name in (self.features or ()) else name

    @property
    def scaling(self) -> str:
        """The scale of numbers, given or not, once it is settled."""
        return only(self.scale or "standard")

    @property
    def sought(self) -> dict[str, Sought[Any]]:
        """The keys that are params of the search, by the params' names, such as `data.scale`."""
        return dict(sought(self, "data"))

    @property
    def variants(self) -> tuple[Params, ...]:
        """All combinations of these params: one without any if there are none."""
        values = self.sought
        combinations = product(*(each.scalars for each in values.values()))
        return tuple(dict(zip(values, each, strict=True)) for each in combinations)

    def settled(self, params: Params) -> DataSpec:
        """Return the keys as a trial with these params has them."""
        return settled(self, "data", params)

    def relocated(self, relocate: Callable[[str], str]) -> DataSpec:
        """Return the keys with other references to the user's transformers of features."""
        scale = None if self.scale is None else changed(self.scale, relocate)
        return self.model_copy(update={"scale": scale})

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
