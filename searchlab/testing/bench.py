"""A small study on real data, and jobs of it for executors."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from searchlab.core.domains import Params
from searchlab.core.trial import Decision, Report, Suggestion, Trial
from searchlab.executors.base import Decide, Executor
from searchlab.testing.doubles import as_job, study
from searchlab.training.job import Job, TrialJob

FACTORIES = Path(__file__).with_name("factories.py")
PARAMS: Params = {"n_hidden": 1, "n_neurons": 12, "learning_rate": 0.02}


def collect(
    executor: Executor, decide: Decide = lambda _: Decision.CONTINUE
) -> tuple[list[Report], dict[int, Any]]:
    """Poll until nothing runs; return the reports in the order they came, and each job's result."""
    reports: list[Report] = []
    results: dict[int, Any] = {}

    def answer(report: Report) -> Decision:
        reports.append(report)
        return decide(report)

    until = time.monotonic() + 300
    while not executor.idle and time.monotonic() < until:
        for result in executor.poll(answer, timeout=0.2):
            assert result.number not in results, "one result a job"
            results[result.number] = result
    assert executor.idle
    return reports, results


class Bench:
    """A study on iris with its prepared data, and jobs of it.

    Attributes:
        directory: the study's directory.
        base: where the study file would be; `FACTORIES` are there as `trial_factories.py`.
        spec: the study.
    """

    def __init__(self, directory: Path, **changes: Any) -> None:
        """Prepare the data in a directory that need not exist; `changes` are those of `study`."""
        from searchlab.data.prepare import prepare  # imports pandas and scikit-learn

        self.directory, self.base = directory, directory / "source"
        self.base.mkdir(parents=True)
        shutil.copyfile(FACTORIES, self.base / "trial_factories.py")
        training = {"epochs": 3, "batch_size": 16}
        self.spec = study(**{"evaluation": {"folds": 2}, "training": training, **changes})
        prepare(self.spec, Path(), directory / "data")

    def job(
        self,
        number: int = 0,
        params: Params = PARAMS,
        *,
        factory: str = "mlp",
        kind: type[Job] = TrialJob,
        **changes: Any,
    ) -> Any:
        """Return a job; a factory other than "mlp" is one of `FACTORIES`."""
        spec = self.spec.model_copy(update={"model": factory})
        if factory != "mlp":
            spec = spec.model_copy(update={"model": f"trial_factories.py:{factory}"})
        trial = Trial(number, Suggestion(params, epochs=3), seed=7)
        job = TrialJob(
            number=number,
            trial=trial,
            spec=spec,
            base=self.base,
            data=self.directory / "data",
            directory=self.directory,
        )
        return as_job(kind, job, **changes)
