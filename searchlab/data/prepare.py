"""Convert a checked data set to the arrays that trainings read.

All trainings of a study, in any process, map the same files into memory. The splits are those of
scikit-learn's `train_test_split`, `KFold` and `StratifiedKFold` with the study's seed, so that a
plain script can repeat them. Preprocessing is fitted only on the rows that a model is fitted to,
for each fold anew, as scikit-learn's `Pipeline` does in a cross-validation.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array
from searchlab.core.atomic import whole_directory
from searchlab.core.codec import encode
from searchlab.core.progress import doing
from searchlab.core.wording import params_text
from searchlab.data.choices import choose
from searchlab.data.columns.encoders import Choices
from searchlab.data.columns.preprocessing import ColumnPreprocessing
from searchlab.data.example import save_example
from searchlab.data.folds import write_folds
from searchlab.data.inputs import figures, inputs_of, write_parts
from searchlab.data.load import Table, load
from searchlab.data.looking.columns import describe
from searchlab.data.looking.look import look
from searchlab.data.looking.view import View
from searchlab.data.prepared import FOLDS, ROWS, SUMMARY, DataSummary, Saved
from searchlab.data.preprocessing import fit_preprocessing, save_preprocessing
from searchlab.data.schema import RowSchema
from searchlab.data.schemes import Folds
from searchlab.data.splits import split
from searchlab.data.target import fit_target
from searchlab.data.weights import check_parts, class_weights
from searchlab.errors import DataError
from searchlab.factories.find import BUILT_IN
from searchlab.journal.layout import refit_data, variant_data
from searchlab.study.sought import Sought, only
from searchlab.study.spec import StudySpec

_PREPROCESSING = "preprocessing.skops"


def prepare(spec: StudySpec, base: Path, directory: Path) -> DataSummary:
    """Load, check, split and preprocess a study's data set, and write the arrays.

    If the winner is to be refitted, `refit_data(directory)` contains all arrays again, with the
    early-stopping rows among the training rows, to all of which the preprocessing is fitted. If
    the data have params of the search, there are such directories for each combination of them;
    see `variant_data`. The facts are then those of the first.

    The directory appears whole or not at all and replaces an existing one.

    Args:
        spec: the study.
        base: the directory of the study file.
        directory: the directory for the arrays.

    Raises:
        DataError: if the data set cannot be used as the study asks, or cannot be written.
    """
    doing(f"reading {spec.data.title}")
    table = load(spec.data, base)
    try:
        with whole_directory(directory, lasting=False) as new:
            summary = _write_variants(table, spec, base, new)
    except DataError as error:
        raise DataError(f"{table.source}: {error}") from None
    except OSError as error:
        raise DataError(
            f"{directory}: the arrays cannot be written ({error.strerror}): make room or give "
            f"access, then run the study again"
        ) from None
    return summary


# ---- writing


def _write_variants(table: Table, spec: StudySpec, base: Path, directory: Path) -> DataSummary:
    """Write the arrays for each combination of the data's params; return the first's facts."""
    first: DataSummary | None = None
    for params in spec.variants:
        own, place = spec.settled(params), variant_data(directory, spec.variant(params))
        try:
            summary = _write(table, own, base, place)
            if spec.refit:
                _write(table, own, base, refit_data(place), whole=True)
        except DataError as error:
            if not params:
                raise
            raise DataError(f"with {params_text(params)}: {error}") from None
        first = first or summary
    assert first is not None  # noqa: S101 - there is at least one combination
    return _for_all(first, spec)


def _for_all(first: DataSummary, spec: StudySpec) -> DataSummary:
    """Return the facts about the first combination as those of a study with all of them."""
    if not spec.data.sought:
        return first
    notes = [
        f"{name} is a param of the search: {', '.join(map(str, each.scalars))} (shown for "
        f"{each.scalars[0]})"
        for name, each in spec.data.sought.items()
    ]
    transform, why = first.target_transform, first.target_why
    if isinstance(spec.data.target_transform, Sought) and not first.classes:
        transform, why = f"one of {', '.join(spec.data.target_transform.values)}", ""
    return replace(first, notes=(*first.notes, *notes), target_transform=transform, target_why=why)


def _write(
    table: Table, spec: StudySpec, base: Path, directory: Path, *, whole: bool = False
) -> DataSummary:
    y, labels = _encoded(table)
    classes = tuple(map(str, labels))
    splits = split(y, classes, table.division, spec)
    parts, folds = splits.parts(refit=whole), splits.folds
    if table.w is not None:
        check_parts(table.w, parts, folds)
    fitted = _fitted(folds, parts["train"], every=whole)
    rows = parts["train"][fitted]

    def weigh(target: Array) -> tuple[float, ...] | None:
        return class_weights(spec.training, target, classes, table.target)

    weights = weigh(y[rows])
    built_in = spec.factory.factory in BUILT_IN
    transform = fit_target(
        only(spec.data.target_transform), y[rows], base, classes=bool(classes), free=built_in
    )
    task = {0: "regression", 2: "binary"}.get(len(classes), "multiclass")
    choices = choose(spec, table, task, base)
    doing(f"fitting the preprocessing to {len(rows):,} rows")
    preprocessing, x_fitted = fit_preprocessing(table, rows, choices, y)
    directory.mkdir(exist_ok=True)
    for part, own in parts.items():
        np.save(directory / f"y_{part}.npy", y[own])
        if transform:
            np.save(directory / f"t_{part}.npy", transform.apply(y[own]))
        if table.w is not None:
            np.save(directory / f"w_{part}.npy", table.w[own])
    x_train = write_parts(directory, table.X, parts, preprocessing, (fitted, x_fitted))
    if not whole and len(folds) > 1:
        kind = transform.own or transform.kind
        same = partial(fit_target, kind, base=base, classes=bool(classes), free=False)
        learned = (preprocessing, transform, weights)
        write_folds(directory, table, y, choices, parts, folds, learned, (same, weigh))
    save_preprocessing(preprocessing, directory / _PREPROCESSING)
    np.savez(directory / FOLDS, *(rows for pair in folds for rows in pair))
    inputs = x_train.shape[1] if isinstance(table.X, pd.DataFrame) else None
    view = View(table, y, classes, parts, spec.data, inputs, transform, own=not built_in)
    summary = DataSummary(
        name=table.name,
        source=table.source,
        digest=table.digest,
        rows=len(y),
        columns=tuple(table.kinds),
        target=table.target,
        task=task,
        classes=classes,
        input_shape=x_train.shape[1:],
        train=len(parts["train"]),
        validation=len(parts["validation"]),
        test=len(parts["test"]),
        findings=() if whole else look(view),
        notes=_notes(table, choices, spec),
        understood=() if whole else describe(table, spec.data, preprocessing, transform),
        target_transform=str(transform),
        target_why=transform.why,
        raw_text=choices.text == "raw",
        inputs=inputs_of(table, preprocessing),
        outputs=spec.data.outputs,
    )
    statistics = {"scale": choices.scale, **figures(x_train, fitted, preprocessing)}
    if isinstance(preprocessing, ColumnPreprocessing):
        statistics |= {"inputs": list(preprocessing.inputs), "sizes": preprocessing.sizes}
    scored = spec.evaluation.class_weight
    saved = Saved(summary.brief, statistics, table.w is not None, weights, scored, transform, whole)
    (directory / SUMMARY).write_text(json.dumps(encode(saved), indent=1), encoding="utf-8")
    schema = RowSchema.of(table, spec.data, summary.task, labels)
    schema = replace(schema, transform=transform, class_weight=weights if scored else None,
                     inputs=summary.inputs)  # fmt: skip
    (directory / ROWS).write_text(json.dumps(encode(schema), indent=1), encoding="utf-8")
    save_example(table.X, schema, parts["train"], directory)
    return summary


def _notes(table: Table, choices: Choices, spec: StudySpec) -> tuple[str, ...]:
    read = () if table.dialect is None else tuple(table.dialect.described())
    folds = () if spec.data.test_folds is None else (f"the test is {spec.data.test_text}",)
    inputs = (
        f"the model's input {name!r} gets {', '.join(columns)}"
        for name, columns in table.groups.items()
    )
    return (*read, *((choices.note,) if choices.note else ()), *inputs, *folds)


def _fitted(folds: Folds, train: Array, *, every: bool) -> Array:
    """Return the training rows (n,) that everything is fitted to, counted within them.

    After a hold-out they are those that the trial is fitted to: its model is the study's. After
    folds they are all, for the model that the winner becomes, and each fold has its own.
    """
    return np.arange(len(train)) if every or len(folds) > 1 else folds[0][0]


def _encoded(table: Table) -> tuple[Array, tuple[Any, ...]]:
    """Return the target as numbers, and the classes as in the data set."""
    if table.task == "regression":
        return table.y.astype(np.float32), ()
    classes, numbers = np.unique(table.y, return_inverse=True)
    return numbers.astype(np.int64), tuple(classes.tolist())
