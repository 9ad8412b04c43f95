"""Make the jobs of a study: the one place that knows where a job finds what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

from searchlab.core.trial import Trial
from searchlab.journal.layout import StudyLayout, refit_data
from searchlab.study.spec import StudySpec
from searchlab.training.job import BaselineJob, CheckJob, FinalJob, RefitJob, TrialJob


class _Shared(TypedDict):
    number: int
    spec: StudySpec
    base: Path
    data: Path
    directory: Path
    start: int


class Jobs:
    """Makes jobs of one study.

    Attributes:
        spec: the study.
        layout: the paths below the study's directory, with the prepared data.
    """

    def __init__(self, spec: StudySpec, base: Path, directory: Path) -> None:
        """Take what all jobs share.

        Args:
            spec: the study.
            base: the directory of the study file.
            directory: the study's directory.
        """
        self.spec, self.layout = spec, StudyLayout(directory)
        self._base, self._directory = base, directory

    def check(self) -> CheckJob:
        """Make the job that tries the study's model."""
        return CheckJob(**self._shared(0, 0))

    def trial(
        self,
        trial: Trial,
        number: int | None = None,
        *,
        start: int = 0,
        keep: bool = False,
        synchronous: bool = False,
    ) -> TrialJob:
        """Make the job that trains a trial.

        Args:
            trial: the trial.
            number: the job's number, if it is not the trial's.
            start: the logical time at which it starts.
            keep: whether its weights are kept.
            synchronous: whether it waits for a decision after each epoch.
        """
        shared = self._shared(trial.number if number is None else number, start)
        return TrialJob(**shared, trial=trial, keep=keep, synchronous=synchronous)

    def final(
        self, number: int, trial: Trial, scores: Mapping[str, float], *, start: int
    ) -> FinalJob:
        """Make the job that makes a trial's own model."""
        return FinalJob(**self._shared(number, start), trial=trial, scores=scores)

    def refit(
        self, number: int, trial: Trial, scores: Mapping[str, float], *, start: int
    ) -> RefitJob:
        """Make the job that fits a trial to all rows but the test's."""
        shared = self._shared(number, start, all_rows=True)
        return RefitJob(**shared, trial=trial, scores=scores)

    def baseline(self, number: int, trial: Trial, name: str, *, start: int) -> BaselineJob:
        """Make the job that fits a simple model to the rows of the study's model."""
        shared = self._shared(number, start, all_rows=self.spec.refit)
        return BaselineJob(**shared, trial=trial, baseline=name)

    def without_refit(self) -> Jobs:
        """Return the factory of the same study, had it not asked for a refit."""
        own = self.spec.model_copy(update={"refit": False})
        return Jobs(own, self._base, self._directory)

    def _shared(self, number: int, start: int, *, all_rows: bool = False) -> _Shared:
        data = self.layout.data
        return {
            "number": number,
            "spec": self.spec,
            "base": self._base,
            "data": refit_data(data) if all_rows else data,
            "directory": self._directory,
            "start": start,
        }
