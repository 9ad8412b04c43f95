"""The division of rows in a study file: `data.split` and `evaluation`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from searchlab.study.fields import MisplacedError, Part

Fraction = Annotated[float, Field(gt=0, lt=1)]


class SplitSpec(Part):
    """The scheme by which rows are divided, where chance is not to decide alone.

    Attributes:
        by: `time`: the latest rows are the test's, the latest of the others stop early, and each
            fold is scored on later rows than it is fitted to.
        column: with `by`, the column with the time, by default the order of the file; without it,
            the column that says the part of each row (train, valid or test). No feature, but a
            time that `features` names.
        gap: the number of times that are left out before later rows, with `by`.
        groups: the column whose equal values stay together, such as a patient. No feature.
        stratify: the column whose values each part has in the same shares; more than ten numbers
            are cut into five ranges of as many rows first.
    """

    by: Literal["time"] | None = None
    column: str | None = None
    gap: Annotated[int, Field(ge=0)] = 0
    groups: str | None = None
    stratify: str | None = None

    @field_validator("by", mode="before")
    @classmethod
    def _check_by(cls, value: Any) -> Any:
        if isinstance(value, str) and value != "time":
            raise ValueError(
                f"must be time: write {{by: time, column: {value}}} if {value} is a time, or "
                f"{{groups: {value}}} to keep its rows together"
            )
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        ways = {"by": self.by, "groups": self.groups, "stratify": self.stratify}
        given = [key for key, value in ways.items() if value is not None]
        if self.column is not None and self.by is None:
            given.append("column")
        if not given:
            raise ValueError(
                "needs a scheme: {by: time, column: when}, {groups: patient}, {column: part} or "
                "{stratify: region}"
            )
        if len(given) > 1:
            raise ValueError(f"has {' and '.join(given)}: keep one of them")
        if self.gap and self.by is None:
            raise MisplacedError(("gap",), "goes with by: time only: leave it out")
        return self

    @property
    def name(self) -> str | None:
        """The column that the scheme reads, or None if it needs none."""
        return self.column or self.groups or self.stratify

    @property
    def no_feature(self) -> str | None:
        """The column that the scheme takes from the features, or None."""
        return self.column or self.groups

    @property
    def key(self) -> str:
        """The dotted key that names the column."""
        keys = {"column": self.column, "groups": self.groups, "stratify": self.stratify}
        return f"data.split.{next(key for key, name in keys.items() if name is not None)}"


class EvaluationSpec(Part):
    """The scoring of trials: cross-validation over the training rows, or a hold-out of them.

    Attributes:
        folds: the number of parts, each of which scores a training that has not seen it.
        repeats: the number of times that the rows are cut into folds, each time otherwise.
        holdout: the fraction of the training rows that scores the trial's only training.
        class_weight: whether `training.class_weight` counts on unseen rows, too: in the loss and
            all metrics of trials, early stopping, the test and the baselines.
    """

    folds: Annotated[int, Field(ge=2)] | None = None
    repeats: Annotated[int, Field(ge=1, le=100)] = 1
    holdout: Fraction | None = None
    class_weight: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.folds is None) == (self.holdout is None):
            raise ValueError(
                "give either folds, such as folds: 3, or holdout, such as holdout: 0.2"
            )
        if self.folds is None and self.repeats > 1:
            raise MisplacedError(("repeats",), "goes with folds only: give folds, or leave it out")
        return self

    @property
    def trainings(self) -> int:
        """The number of trainings of a trial."""
        return (self.folds or 1) * self.repeats
