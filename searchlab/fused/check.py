"""A check whether any model of a study can be stacked: some of its trials, one after the other."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from itertools import islice

from searchlab.core.domains import Params
from searchlab.core.trial import Suggestion, Trial
from searchlab.data.prepared import PreparedData
from searchlab.fused.messages import Submit
from searchlab.fused.programs import Programs
from searchlab.fused.task import Run, prepare_run
from searchlab.fused.worth import too_varied
from searchlab.training.check import alternatives, points
from searchlab.training.job import CheckJob, TrialJob

_TRIALS, _PROGRAMS, _TOLD = 24, 3, 3
"""Most that a check tries until a model can be stacked: trials, and among them programs, which take
seconds; and how many reasons are told if none can."""

_LARGE = 2**20
"""Weights of a model that is not built a dozen times only to know how varied a study is."""


class Check:
    """A check of a study's models."""

    def __init__(
        self, submit: Submit, job: CheckJob, data: PreparedData, programs: Programs
    ) -> None:
        """Begin a check.

        Args:
            submit: its submission.
            job: the submission's job.
            data: the study's data.
            programs: all programs for them.
        """
        self._submit, self._job, self._data, self._programs = submit, job, data, programs
        self._probes = _probes(job)
        self._reasons: list[str] = []
        self._made = 0

    @property
    def reason(self) -> str:
        """Why none of the trials so far can be stacked."""
        return "; or ".join(list(dict.fromkeys(self._reasons))[:_TOLD])

    @property
    def goes_on(self) -> bool:
        """Whether another trial may be tried after a program was tried in vain."""
        return self._made < _PROGRAMS

    def refuse(self, reason: str) -> None:
        """Note why a trial's program was tried in vain."""
        self._reasons.append(reason)
        self._made += 1

    def first(self) -> Run | str:
        """Build the first trial that may be stacked, or return why none is, or should be."""
        run = self.following()
        if isinstance(run, str) or self._job.extent is None or _large(run):
            return run
        rows = max(len(fit) for fit, _ in self._data.folds)
        steps = -(-rows // self._job.spec.first.training.batch_size)
        return too_varied(self._keys(), *self._job.extent, steps) or run

    def following(self) -> Run | str:
        """Build the next trial that may be stacked, or return why none is."""
        for probe in self._probes:
            try:
                run: Run | str = prepare_run(self._submit, probe, self._data, self._programs)
            except Exception as error:  # the trials themselves will report params that fail
                run = f"it cannot be built with a value of the space: {error}"
            reason = run.refused() if isinstance(run, Run) else run
            if reason is None:
                return run
            self._reasons.append(reason)
        return self.reason

    def _keys(self) -> Iterator[Hashable]:
        """Yield the keys of the programs of trials from all over the space; None for no program."""
        spec = self._job.spec
        for trial in _trials(self._job, points(spec.search_space)):
            try:
                run = prepare_run(self._submit, trial, self._data, self._programs)
            except Exception:  # the trials themselves will report params that fail
                yield None
                continue
            missing = run.missing() if isinstance(run, Run) else None
            batch = spec.training.settled(trial.trial.suggestion.params).batch_size
            yield None if missing is None else (missing[1], batch)


def _large(run: Run) -> bool:
    """Return whether a model takes long to build, and longer to train than a program to make."""
    weights: int = sum(each.size for each in run.trainings[0].start.trainable)
    return weights > _LARGE


def _probes(job: CheckJob) -> Iterator[TrialJob]:
    """Yield the trials that show whether any can be stacked, beginning in the middle."""
    return _trials(job, islice(alternatives(job.spec.first.search_space), _TRIALS))


def _trials(job: CheckJob, params: Iterable[Params]) -> Iterator[TrialJob]:
    """Yield trials of a study's first data with some params."""
    spec = job.spec.first
    for point in params:
        yield TrialJob(
            number=job.number,
            spec=spec,
            base=job.base,
            data=job.data,
            directory=job.directory,
            start=job.start,
            trial=Trial(job.number, Suggestion(point, epochs=1), spec.search.seed),
        )
