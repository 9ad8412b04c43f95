"""A study as Python programs see it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from searchlab.core.arguments import path_text
from searchlab.core.state import StudyState
from searchlab.journal.home import load_record
from searchlab.journal.record import StudyRecord
from searchlab.journal.standings import Standing, standing_of
from searchlab.report.results import model_metrics
from searchlab.report.rows import TrialRow, trial_rows
from searchlab.study.spec import StudySpec

if TYPE_CHECKING:
    from searchlab.inference.model import Model


class _Metrics(Mapping[str, float]):
    """Metrics that cannot be written, but copied and sent to another process."""

    def __init__(self, values: Mapping[str, float]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)


@dataclass(frozen=True)
class StudyResult:
    """A study at one moment, finished or not; it does not change when the study goes on.

    Attributes:
        spec: the study as its file describes it.
        state: the study's state; RUNNING also if its process has died.
        trials: all trials by number.
        confirmed: the scores with other seeds of the trial that the study's model is made of; None
            before the end, and without confirmation.
        measured: the part that the study's model is measured on: "test", or "validation" (the
            early-stopping rows) if the study has no test rows.
        metrics: the metrics of the study's model on these rows; empty before the end.
        seconds: wall time that processes have spent on the study.
        directory: the working directory of the study.
    """

    spec: StudySpec
    state: StudyState
    trials: tuple[TrialRow, ...] = field(repr=False)
    confirmed: Standing | None
    measured: str
    metrics: Mapping[str, float]
    seconds: float
    directory: Path

    @classmethod
    def of(cls, record: StudyRecord, directory: Path) -> StudyResult:
        """Return the study that a record describes.

        Args:
            record: of a study that has begun.
            directory: the working directory.
        """
        return cls(
            spec=record.spec,
            state=record.state,
            trials=tuple(trial_rows(record)),
            confirmed=standing_of(record),
            measured=record.spec.data.measured,
            metrics=_Metrics(model_metrics(record)),
            seconds=record.seconds,
            directory=directory.resolve(),
        )

    @property
    def name(self) -> str:
        """The study's name."""
        return self.spec.name

    @property
    def best(self) -> TrialRow | None:
        """The trial with the best objective in the search; None if no trial is COMPLETE."""
        return next((trial for trial in self.trials if trial.best), None)

    @property
    def winner(self) -> TrialRow | None:
        """The trial that the study's model is made of; before the end, the best so far."""
        return next((trial for trial in self.trials if trial.chosen), None)

    def model(self) -> Model:
        """Load the study's model, which takes raw rows.

        A model that was made by the user's own code comes with that code, and loading it runs it.

        Raises:
            PackageError: if the study has no model yet, or it cannot be loaded.
        """
        from searchlab.registry.resolve import load_study_model

        return load_study_model(self.name, self.directory)


def load_study(name: str, directory: str | os.PathLike[str] = ".") -> StudyResult:
    """Look up a study that was run in a working directory, finished or not.

    Args:
        name: the study's name.
        directory: the working directory, which contains `.searchlab/`.

    Raises:
        InputError: if there is no such study; the message names those that are there.
        JournalError: if its journal is damaged.
    """
    study = path_text(name, "name", "the name of a study")
    cwd = Path(path_text(directory, "directory", "the path of a directory"))
    return StudyResult.of(load_record(study, cwd), cwd)
