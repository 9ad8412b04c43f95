"""From the best trial to the study's model."""

from __future__ import annotations

from pathlib import Path

from searchlab.errors import SearchlabError
from searchlab.executors.base import Executor
from searchlab.interrupt import Interrupt
from searchlab.record import StudyRecord
from searchlab.study.spec import StudySpec
from searchlab.training.job import Job, Work
from searchlab.trial import Decision, Outcome, Report, TrialState


def finish(
    record: StudyRecord,
    spec: StudySpec,
    executor: Executor,
    base: Path,
    directory: Path,
    interrupt: Interrupt,
) -> Outcome | None:
    """Makes the study's model and measures it on the test rows, once.

    After cross-validation the best params are trained again on all training rows, with the same
    early stopping; after a hold-out the best trial's own model is taken. The model and its
    preprocessing go to `best/` in the study's directory.

    Args:
        record: the study, with a best trial.
        spec: the study as its file is now; limits and budgets may have changed.
        executor: idle.
        base: the directory of the study file.
        directory: the study's directory, with the prepared data in it.
        interrupt: is looked at after each epoch.

    Returns:
        The outcome with the metrics on the test rows, or None if there is no best trial or the
        interrupt was set.

    Raises:
        SearchlabError: if the model could not be made; the trials are all kept.
    """
    best = record.best_trial
    if best is None:
        return None
    executor.submit(
        Job(Work.FINAL, best.trial, spec, base, directory / "data", directory, keep=True)
    )
    outcome = run_to_end(executor, interrupt)
    if outcome is not None and outcome.state is TrialState.FAIL:
        assert outcome.error is not None  # noqa: S101 - a FAIL has one
        raise SearchlabError(
            f"the best trial, {best.trial.number}, could not be made into the study's model: "
            f"{outcome.error.type}: {outcome.error.message}; all trials are kept, run the study "
            "again to retry"
        )
    return outcome


def run_to_end(executor: Executor, interrupt: Interrupt) -> Outcome | None:
    """Waits for the one job of an executor; None if the interrupt was set before its end."""

    def decide(_: Report) -> Decision:
        return Decision.ABANDON if interrupt.requested else Decision.CONTINUE

    while not (executor.idle or interrupt.requested):
        for outcome in executor.poll(decide, timeout=0.2):
            return outcome
    return None
