"""Construction of a study's jobs: the only code that knows where a job finds its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypedDict, TypeVar

from searchlab.core.domains import Params
from searchlab.core.trial import Trial
from searchlab.journal.layout import StudyLayout, refit_data, variant_data
from searchlab.study.extent import extent
from searchlab.study.spec import StudySpec
from searchlab.training.job import BaselineJob, CheckJob, FinalJob, RefitJob, TrialJob, fits_all

_Fitting = TypeVar("_Fitting", RefitJob, BaselineJob)


class _Shared(TypedDict):
    number: int
    spec: StudySpec
    base: Path
    data: Path
    directory: Path
    start: int


class Jobs:
    """A factory of one study's jobs.

    Attributes:
        spec: the study.
        layout: the paths below the study's directory, prepared data included.
    """

    def __init__(self, spec: StudySpec, base: Path, directory: Path) -> None:
        """Set the attributes shared by all jobs.

        Args:
            spec: the study.
            base: the directory of the study file.
            directory: the study's directory.
        """
        self.spec, self.layout = spec, StudyLayout(directory)
        self._base, self._directory = base, directory

    def check(self) -> CheckJob:
        """Return the job that tries the study's model."""
        job = CheckJob(**self._shared(0, 0, self.spec.variants[0]))
        return replace(job, spec=self.spec, extent=extent(self.spec))

    def trial(
        self,
        trial: Trial,
        number: int | None = None,
        *,
        start: int = 0,
        keep: bool = False,
        synchronous: bool = False,
        weights: tuple[str, ...] = (),
    ) -> TrialJob:
        """Return the job that trains a trial.

        Args:
            trial: the trial.
            number: the job's number; the trial's if None.
            start: the logical time at which it starts.
            keep: whether its weights are saved.
            synchronous: whether it waits for a decision after each epoch.
            weights: the digests of the weights that it continues, if it continues any.
        """
        own = trial.number if number is None else number
        shared = self._shared(own, start, trial.suggestion.params)
        return TrialJob(**shared, trial=trial, keep=keep, synchronous=synchronous, weights=weights)

    def final(
        self,
        number: int,
        trial: Trial,
        scores: Mapping[str, float],
        *,
        start: int,
        weights: tuple[str, ...],
    ) -> FinalJob:
        """Return the job that makes a trial's own model.

        Args:
            number: the job's number.
            trial: the trial.
            scores: its scores so far.
            start: the logical time at which it starts.
            weights: the digests of the trial's saved weights.
        """
        own = weights if self.spec.evaluation.folds is None else ()  # no fold saw all rows
        shared = self._shared(number, start, trial.suggestion.params)
        return FinalJob(**shared, trial=trial, scores=scores, weights=own)

    def refit(
        self,
        number: int,
        trial: Trial,
        scores: Mapping[str, float],
        measured: Mapping[str, float],
        *,
        start: int,
        rates: tuple[float, ...] = (),
    ) -> RefitJob:
        """Return the job that fits a trial to all rows but the test rows.

        Args:
            number: the job's number.
            trial: the trial.
            scores: its scores so far.
            measured: the metrics of its own model if there are no test rows, else empty.
            start: the logical time at which it starts.
            rates: the learning rate of each epoch of the trial, if a callback changed it.
        """
        shared = self._shared(number, start, trial.suggestion.params)
        job = RefitJob(**shared, trial=trial, scores=scores, measured=measured, rates=rates)
        return _on_its_rows(job)

    def baseline(self, number: int, trial: Trial, name: str, *, start: int) -> BaselineJob:
        """Return the job that fits a baseline to the rows of the study's model."""
        shared = self._shared(number, start, trial.suggestion.params)
        return _on_its_rows(BaselineJob(**shared, trial=trial, baseline=name))

    def without_refit(self) -> Jobs:
        """Return a factory for the same study without its refit."""
        own = self.spec.model_copy(update={"refit": False})
        return Jobs(own, self._base, self._directory)

    def _shared(self, number: int, start: int, params: Params) -> _Shared:
        return {
            "number": number,
            "spec": self.spec.settled(params),
            "base": self._base,
            "data": variant_data(self.layout.data, self.spec.variant(params)),
            "directory": self._directory,
            "start": start,
        }


def _on_its_rows(job: _Fitting) -> _Fitting:
    """Return a job with the data of a refit if it fits all rows but the test rows."""
    return replace(job, data=refit_data(job.data)) if fits_all(job) else job
