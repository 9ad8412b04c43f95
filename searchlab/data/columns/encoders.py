"""scikit-learn's transformers for each kind of column, as a study asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from searchlab.data.columns.kinds import Kind
from searchlab.data.columns.parts import LINEAR, part_name
from searchlab.study.columns import TextSpec
from searchlab.study.sought import only

MOST = 200
"""The most inputs that the categories of one column become."""

_MOST_QUANTILES = 1000
_CROSSED = 5  # scikit-learn's own number
_CELLS = 1_000_000  # of numbers that are fitted to at a time
_SEED = 0  # the study's seed is for the splits


@dataclass(frozen=True)
class Choices:
    """The encodings that a study chose.

    Attributes:
        scale: the scale of numbers, one of `study.columns.SCALES`, or the name of `own`.
        categories: the encoding of categories.
        text: the encoding of longer text, or "raw" for a model that takes text.
        task: "regression", "binary" or "multiclass".
        own: a transformer of the user's in place of a scale, not fitted, or None.
        note: what searchlab decided by itself, in a few words, or "".
    """

    scale: str = "standard"
    categories: str = "one_hot"
    text: TextSpec | Literal["raw"] = field(default_factory=TextSpec)
    task: str = "regression"
    own: Any = None
    note: str = ""


def column_transformer(
    kinds: Mapping[str, Kind], parts: Mapping[str, Sequence[str]], choices: Choices, rows: int
) -> ColumnTransformer:
    """Return a transformer of tidied columns and expanded dates, not fitted.

    Args:
        kinds: the kind of each column, in order.
        parts: the parts that each column of dates was expanded to.
        choices: the encodings.
        rows: the number of rows it will be fitted to.
    """
    names: dict[str, list[str]] = {kind: [] for kind in ("number", "boolean", "category", "text")}
    for name, kind in kinds.items():
        names.setdefault(kind, []).append(name)
    # Always fill: values may be missing only in later rows.
    numbers = make_pipeline(SimpleImputer(strategy="median"), *_scalers(choices, rows, own=True))
    times = make_pipeline(SimpleImputer(strategy="median"), *_scalers(choices, rows))
    linear = [part_name(n, part) for n, each in parts.items() for part in each if part in LINEAR]
    cyclic = [part_name(n, p) for n, each in parts.items() for p in each if p not in LINEAR]
    steps = [
        *_number_steps(numbers, names["number"], rows, choices),
        ("boolean", SimpleImputer(strategy="most_frequent"), names["boolean"]),
        ("time", times, linear),
        ("cycle", SimpleImputer(strategy="mean"), cyclic),
        ("category", _categories(choices, rows), names["category"]),
        *((f"text{index}", _text(choices.text), name) for index, name in enumerate(names["text"])),
    ]
    return ColumnTransformer([step for step in steps if step[2]], sparse_threshold=0)


def _number_steps(
    pipeline: Any, names: Sequence[str], rows: int, choices: Choices
) -> Iterator[tuple[str, Any, Sequence[str]]]:
    """Yield steps for blocks of columns, whose copies in memory are smaller than those of all.

    Each column is scaled alone, unless a transformer of the user's looks at all of them.
    """
    size = len(names) if choices.own is not None else max(1, _CELLS // rows)
    for number, start in enumerate(range(0, len(names), max(1, size))):
        step = f"number{number or ''}"
        yield step, clone(pipeline), names[start : start + size]


def _scalers(choices: Choices, rows: int, *, own: bool = False) -> list[Any]:
    if choices.own is not None:
        return [choices.own if own else StandardScaler()]
    scalers: dict[str, list[Any]] = {
        "standard": [StandardScaler()],
        "minmax": [MinMaxScaler()],
        "robust": [RobustScaler()],
        "quantile": [_quantiles(rows)],
        "none": [],
    }
    return scalers[choices.scale]


def _quantiles(rows: int) -> QuantileTransformer:
    return QuantileTransformer(
        n_quantiles=min(rows, _MOST_QUANTILES), output_distribution="normal", random_state=_SEED
    )


def _categories(choices: Choices, rows: int) -> Any:
    known: dict[str, Any] = {"handle_unknown": "use_encoded_value"}
    match choices.categories:
        case "ordinal":
            encoder = OrdinalEncoder(unknown_value=float("nan"), **known)
            fill = SimpleImputer(strategy="median")
            return make_pipeline(encoder, fill, *_scalers(choices, rows))
        case "integer":
            return OrdinalEncoder(unknown_value=-1, **known)
        case "target":
            # A pipeline fits its second step to the cross-fitted output of the first.
            return make_pipeline(target_encoder(choices.task), *_scalers(choices, rows))
        case _:
            return OneHotEncoder(
                handle_unknown="infrequent_if_exist", max_categories=MOST, sparse_output=False
            )


def inputs_of_each(fitted: Any, columns: int, inputs: int) -> list[int] | None:
    """Return the number of inputs that a fitted step makes of each of its columns.

    It is unknown for a transformer of the user's that makes more or fewer in all.

    Args:
        fitted: the step.
        columns: the number of its columns.
        inputs: the number of all inputs that it makes.
    """
    if isinstance(fitted, OneHotEncoder):
        rare = fitted.infrequent_categories_
        pairs = zip(fitted.categories_, rare, strict=True)
        return [len(all_) - (0 if few is None else len(few) - 1) for all_, few in pairs]
    return None if inputs % columns else [inputs // columns] * columns


def target_encoder(task: str) -> TargetEncoder:
    """Return scikit-learn's encoder by the target, which cross-fits the rows it is fitted to."""
    if task == "regression":
        cv = KFold(_CROSSED, shuffle=True, random_state=_SEED)
        return TargetEncoder(target_type="continuous", cv=cv)
    cv = StratifiedKFold(_CROSSED, shuffle=True, random_state=_SEED)
    return TargetEncoder(target_type=task, cv=cv)


def _text(text: TextSpec | Literal["raw"]) -> TfidfVectorizer:
    assert text != "raw"  # noqa: S101 - such text has preprocessing of its own
    analyzer = {"words": "word", "characters": "char_wb"}[only(text.by)]
    return TfidfVectorizer(
        analyzer=analyzer, ngram_range=only(text.n_grams), max_features=only(text.size)
    )
