"""A first study file for `searchlab init`: every key with a comment, ready to run."""

from __future__ import annotations

import contextlib
import gzip
import json
import math
import os
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import BinaryIO

from searchlab.core.nearest import did_you_mean, nearest
from searchlab.data.catalog import DATASETS
from searchlab.data.reading import detection
from searchlab.errors import InputError

FIRST_DATASET = "digits"
"""The data set of a study file when none is named: it needs no network and trains in seconds."""

_SUFFIXES = (".csv", ".tsv", ".csv.gz")
_LONGEST_LINE = 1_000_000  # bytes of a header line; more is no table of columns
_MOST_COLUMNS = 40  # column names listed in the comment and in errors

_STUDY = Template("""\
# A study: what is searched, on which data, by which library, and for how long.
#   searchlab validate $file    checks this file in a second
#   searchlab run $file         runs it; run it again to continue after an interruption

name: $name  # the study's name in lists and in MLflow

data:
$data
  test: 0.2  # the fraction of all rows kept for one test of the study's model, at the end
  # split: {by: time, column: when}  # or {groups: patient}, {column: part}, {stratify: region}
  validation: 0.2  # the fraction of the other rows that early stopping looks at
  scale: $scale  # numbers: standard, minmax, robust, quantile or none; fitted on training rows only

# The function that builds a model from the params below. `mlp` is built in. Your own:
#   model: models.py:build_model    a function in a file beside this one, or
#   model: my_package.models:build_model
model:
  factory: mlp
  params:  # arguments that stay the same in all trials
    optimizer: adamw  # Adam with a decay of the weights that is no part of the loss
    skip: true  # the output layer sees the inputs, too, as that of a linear model does
    dropout: $dropout  # the fraction of a layer's neurons that a step leaves out

space:  # arguments that differ from trial to trial
  n_hidden: {int: [0, $deepest]}  # a whole number, both ends included; 0 is a linear model
  n_neurons: {choice: $neurons}  # of each hidden layer
  learning_rate: {float: [5.0e-4, 1.0e-2], log: true}  # log: as many below 0.002 as above
  weight_decay: {float: [1.0e-3, 1.0], log: true}
  # activation: {choice: [relu, elu, tanh], when: {param: n_hidden, in: [1, 2]}}

objective:
  metric: val_loss  # measured on rows that no training has seen; for classes also val_accuracy
  direction: minimize  # maximize for val_accuracy

search:
  backend: optuna  # or randomized (scikit-learn's RandomizedSearchCV) or hyperband (Keras Tuner)
  trials: 20  # how many in total; more can be added later
  # seconds: 600  # how long in total; whichever budget is used up first ends the study
  seed: 42  # of the search, the splits and every training
  # on_failure: {retry: 1}  # train a failed trial again; or stop; continue without it if left out
  # options: {sampler: tpe, pruner: median}  # for optuna
  # options: {factor: 3, hyperband_iterations: 1}  # for hyperband

training:
  epochs: $epochs  # at most, for each training
  batch_size: $batch  # rows of one step; more make an epoch faster and learn less in it
  early_stopping:  # Keras' EarlyStopping; null trains all epochs
    patience: $patience  # epochs without a better val_loss
    restore_best_weights: true  # of the best epoch, not of the last one
  # limits: {seconds: 600, memory: 2GB}  # a trial that takes more is killed and counts as failed

evaluation:  # what scores a trial: one of the two
$evaluation

# What follows the search:
confirm: {top: 3, seeds: 3}  # the best 3 trials are trained with 3 other seeds; 0 for none
refit: true  # the winner is trained again on all rows but the test's
baselines: true  # simple models on the same rows: is the network worth it?
# registered_model: $plain  # in MLflow; the study's name if left out, null for none

execution:  # where trainings run; does not change what they compute
  # executor: process  # each training in a process of its own, never several in one program
  workers: 1  # worker processes
""")


@dataclass(frozen=True)
class _Size:
    """Settings that suit a number of rows.

    Attributes:
        rows: the most rows that they are for.
        folds: the folds of the cross-validation; 0 for a hold-out, where its score is sure enough.
        deepest: the most hidden layers.
        neurons: the choices for the neurons of a hidden layer.
        dropout: the dropout; needed where few rows are easily learned by heart.
        batch: the rows of one step.
        epochs: the most epochs of a training.
        patience: the epochs that early stopping waits; more where few rows make few steps.
    """

    rows: float
    folds: int
    deepest: int
    neurons: list[int]
    dropout: float
    batch: int
    epochs: int
    patience: int

    @property
    def evaluation(self) -> str:
        """The lines of the study file that tell what scores a trial."""
        folds = f"folds: {self.folds or 3}  # cross-validation: slower, and less noise"
        holdout = "holdout: 0.2  # one training, scored on this fraction of the training rows"
        used, other = (folds, holdout) if self.folds else (holdout, folds)
        return f"  {used}\n  # {other}"


_SIZES = (
    _Size(1_000, 5, 2, [16, 64], dropout=0.2, batch=16, epochs=150, patience=15),
    _Size(5_000, 3, 2, [32, 128], dropout=0.1, batch=32, epochs=100, patience=12),
    _Size(20_000, 0, 3, [64, 192], dropout=0.1, batch=64, epochs=100, patience=10),
    _Size(math.inf, 0, 3, [128, 256], dropout=0.1, batch=128, epochs=100, patience=10),
)
"""Few choices of widths: with dropout, each width and depth is a program to compile."""


def init_text(dataset: str | None, csv: Path | None, target: str | None, file: Path) -> str:
    """Return the text of a study file on a built-in data set or on a CSV file.

    Args:
        dataset: the name of a built-in data set; `FIRST_DATASET` if this and `csv` are None.
        csv: a CSV file with a header; its header and the number of its rows are looked at.
        target: the column of the CSV file to predict.
        file: the future path of the study file; it gives the study its name, and the path of the
            CSV file is relative to its directory.

    Raises:
        InputError: if both or an unknown data set are named, or the CSV file has no such target.
    """
    if csv is not None and dataset is not None:
        raise InputError("a data set and a CSV file are both named: leave one of them out")
    if csv is None:
        if target is not None:
            raise InputError("a target goes with a CSV file: name the file, or leave target out")
        data = _dataset_lines(dataset or FIRST_DATASET)
    else:
        data = _csv_lines(csv, target, file)
    scale = "minmax" if dataset == "fashion_mnist" else "standard"  # pixels have one scale
    rows = _known_rows(dataset or FIRST_DATASET) if csv is None else _rows(csv)
    size = next(size for size in _SIZES if rows <= size.rows)
    return _STUDY.substitute(
        vars(size),
        evaluation=size.evaluation,
        name=_quoted(_study_name(file)),
        plain=_study_name(file),
        file=_listed([file.name]),
        data="\n".join(f"  {line}" for line in data),
        scale=scale,
    )


def default_file(dataset: str | None, csv: Path | None) -> Path:
    """Return the default study file: in the current directory, named after the data."""
    if csv is None:
        return Path(f"{dataset or FIRST_DATASET}.yaml")
    return Path(re.sub(r"(\.[ct]sv)?(\.gz)?$", "", csv.name, count=1, flags=re.I) + ".yaml")


def write_new(path: Path, text: str) -> None:
    """Write a new file, and the directories above it.

    Raises:
        InputError: if the file exists, which leaves it unchanged, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise InputError(
            f"{error.filename}: exists and was left unchanged: name another file, or "
            "remove it first"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None


def _dataset_lines(name: str) -> list[str]:
    if name not in DATASETS:
        hint = did_you_mean(name, DATASETS, f"known are {', '.join(DATASETS)}")
        raise InputError(f"there is no built-in data set {name!r}: {hint}")
    return [f"dataset: {name}  # {DATASETS[name]}", *_OWN_FILE]


_OWN_FILE = ["# A file of your own instead: path: houses.csv and target: price"]


def _csv_lines(path: Path, target: str | None, file: Path) -> list[str]:
    columns = _header(path, target)
    if target is None:
        raise InputError(
            f"{path}: which column is to be predicted? Name the target, one of {_listed(columns)}"
        )
    if target not in columns:
        close = nearest(target, columns)
        hint = f"did you mean {close[0]!r}? It" if close else "it"
        raise InputError(
            f"{path}: has no column {target!r} to predict: {hint} has {_listed(columns)}"
        )
    relative = os.path.relpath(path.resolve(), file.resolve().parent)
    others = _listed([column for column in columns if column != target])
    comment = textwrap.wrap(
        f"The other columns: {others}", 90, break_long_words=False, break_on_hyphens=False
    )
    return [
        f"path: {_quoted(Path(relative).as_posix())}  # relative to this file",
        f"target: {_quoted(target)}  # the column to predict",
        *(f"# {line}" for line in comment),
        "drop: []  # columns that are no features, by name or pattern, such as temp_*",
        "# id: name  # the column that says which row is which; goes with the predictions",
        "# kinds: {zip: category, when: date}  # where the values do not tell",
        "# task: classification  # or regression; if left out, the target's values tell",
    ]


def _header(path: Path, target: str | None) -> list[str]:
    """Return the column names of a CSV file."""
    if not path.name.lower().endswith(_SUFFIXES):
        raise InputError(
            f"{path}: is not named {', '.join(_SUFFIXES[:-1])} or {_SUFFIXES[-1]}: start from a "
            "built-in data set, and put the file's name and target under data"
        )
    expected = "\t" if ".tsv" in path.name.lower() else ","
    names = () if target is None else (target,)
    try:
        with contextlib.closing(_open(path)) as file:
            start = file.read(_LONGEST_LINE)
        whole = start[: start.rfind(b"\n") + 1] or start
        text, _ = detection.decoded(whole, None, str(path))
        text = detection.without_comments(text, detection.comment_of(text))
        separator = detection.separator_of(text, expected, names, str(path))
        text = detection.single_spaced(text) if separator == " " else text
        columns = next(iter(detection.first_rows(text, separator)), [])
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file{_near(path)}") from None
    except (OSError, EOFError) as error:
        raise InputError(f"{path}: cannot be read as CSV: {error}; check the file") from None
    if not any(column.strip() for column in columns):
        raise InputError(f"{path}: has no header: name the columns in its first line")
    twice = [name for index, name in enumerate(columns) if name in columns[:index]]
    if twice:
        raise InputError(f"{path}: column {twice[0]!r} appears twice: rename one")
    if len(columns) == 1:
        raise InputError(
            f"{path}: has no column besides {columns[0]!r}: a study needs a target and something "
            "to predict it from (columns are separated by commas, semicolons, tabs or bars)"
        )
    return columns


def _known_rows(dataset: str) -> int:
    """Return the number of rows of a built-in data set, with which its description begins."""
    return int(DATASETS[dataset].partition(" ")[0].replace(",", ""))


def _rows(path: Path) -> int:
    """Return about how many rows a CSV file has: it counts lines, and knows no quotes."""
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opener(path, "rb") as file:
            return sum(
                1 for line in iter(lambda: file.readline(_LONGEST_LINE), b"") if line.strip()
            )
    except (OSError, EOFError) as error:
        raise InputError(f"{path}: cannot be read as CSV: {error}; check the file") from None


def _open(path: Path) -> BinaryIO | gzip.GzipFile:
    return gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")


def _near(path: Path) -> str:
    names = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    close = nearest(path.name, names)
    return f": did you mean {path.parent / close[0]}?" if close else ": check its name"


def _listed(columns: list[str]) -> str:
    """Return column names in one line, without line breaks and control characters."""
    line = ", ".join(columns[:_MOST_COLUMNS])
    line = "".join(char if char.isprintable() else " " for char in line)
    more = len(columns) - _MOST_COLUMNS
    return f"{line} and {more} more" if more > 0 else line


def _quoted(text: str) -> str:
    """Return text as a double-quoted YAML scalar, of which JSON's strings are a subset."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _study_name(file: Path) -> str:
    """Return the file's name as a valid study name."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", file.stem).lstrip("._-")[:80]
    return name or "study"
