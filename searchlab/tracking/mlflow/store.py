"""The MLflow store of one study, which takes batches; every call may be repeated.

MLflow is imported (1 to 3 seconds) when the first store is opened, in the outbox's thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from searchlab.core.trial import Failure, TrialState
from searchlab.journal.record import StudyRecord
from searchlab.private.mlflow import EndedRun, insert_runs
from searchlab.tracking.mlflow.artifacts import finish, log_profile, log_report
from searchlab.tracking.mlflow.dataset import dataset_input
from searchlab.tracking.mlflow.description import description
from searchlab.tracking.mlflow.log_model import ModelLogger
from searchlab.tracking.mlflow.params import study_params
from searchlab.tracking.mlflow.points import baseline_points, milliseconds
from searchlab.tracking.mlflow.projection import BaselineUpdate, Batch, Doubt, TrialUpdate
from searchlab.tracking.mlflow.state import State, TrialRun
from searchlab.tracking.mlflow.tags import (
    baseline_tags,
    budget_tags,
    common_tags,
    end_tags,
    error_tag,
    finding_tags,
    trial_tags,
)
from searchlab.tracking.mlflow.tracked import TrackedStudy
from searchlab.tracking.mlflow.trouble import LostRunsError
from searchlab.tracking.mlflow.values import log_values, metrics_of, params_of

_MANY = 20  # trials in a batch that are worth another way to send them

_STATUS = {
    TrialState.COMPLETE: "FINISHED",
    TrialState.PRUNED: "KILLED",
    TrialState.FAIL: "FAILED",
}


class MlflowStore:
    """The destination of one study.

    Attributes:
        state: the known content of the store; the caller saves it.
    """

    def __init__(self, client: MlflowClient, study: TrackedStudy, state: State) -> None:
        self.state = state
        self._client = client
        self._tracked = study
        self._logger = ModelLogger()
        self._near = False
        self._certain = False

    def has_run(self) -> bool:
        """Return whether the study's run in the state still exists."""
        return self._is_active(self.state.run_id)

    def _is_active(self, run_id: str) -> bool:
        try:
            run = self._client.get_run(run_id)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return False
            raise
        return bool(run.info.lifecycle_stage == "active")

    def send(self, batch: Batch, record: StudyRecord, doubt: Doubt) -> None:
        """Send a batch; `record` is the study at its end.

        Runs that an interrupted attempt, of this process or an earlier one, has left in the store
        are looked up first and reused.

        Args:
            batch: the changes.
            record: the study after them.
            doubt: the runs that may be there without the state's knowledge.

        Raises:
            LostRunsError: if a run that was there has been deleted since.
            Exception: any error of MLflow's while the store is unavailable.
        """
        if not self._certain:
            self._look_up(batch, doubt)
        self._certain = False
        self._study(batch, record, doubt)
        self._whole_trials(batch, record)
        for update in batch.trials.values():
            self._trial(update, record)
        for baseline in batch.baselines:
            self._baseline(baseline, record)
        if batch.stopped:
            finish(self._client, self._tracked, self.state, batch, record, self._logger)
        elif not self._near and _model_near(record):
            self._near = True
            self._logger.start()
            log_report(self._client, self.state.run_id, self._tracked, record)
        self._certain = True
        self.state.sent, self.state.last = batch.until, batch.time

    def delete(self) -> None:
        """Delete all runs of the study, its own last: a call that was cut off is noticed then."""
        for kind in ("!=", "="):
            for run in list(self._runs(f"tags.`searchlab.kind` {kind} 'study'")):
                self._delete_run(run)

    def close(self) -> None:
        """Leave no process behind."""
        self._logger.close()

    def _look_up(self, batch: Batch, doubt: Doubt) -> None:
        """Find the runs in the store that the state lacks, and forget those that are gone.

        Of a study that the state knows, only the runs since its last note can be unknown, and only
        those that the batch changes are needed: to list 100,000 runs takes minutes.
        """
        state = self.state
        if state.run_id and not self.has_run():
            raise LostRunsError("the study's run was deleted, and everything is sent again")
        if state.run_id and state.sent:
            for number in batch.trials.keys() & state.trials.keys():
                if not self._is_active(state.trials[number].run_id):
                    del state.trials[number]
            self._take_over(doubt, f"attributes.start_time >= {milliseconds(doubt.since)}")
            return
        for run in self._runs("tags.`searchlab.kind` = 'study'"):
            state.run_id = state.run_id or run.info.run_id
        if state.run_id:
            self._look_up_children(doubt)

    def _look_up_children(self, doubt: Doubt) -> None:
        """Find all runs of trials and baselines in the store, whether the state has them or not."""
        self.state.trials, self.state.baselines = {}, {}
        self._take_over(doubt)

    def _take_over(self, doubt: Doubt, *conditions: str) -> None:
        """Note runs of trials and baselines, also those of a study's run that is gone.

        Those of which the journal does not tell any more, because it was cut off, are deleted.
        """
        state = self.state
        for run in list(self._runs("tags.`searchlab.kind` != 'study'", *conditions)):
            if not doubt.told(run.info.start_time):
                self._forget_run(run)
                continue
            tags = run.data.tags
            if tags["mlflow.parentRunId"] != state.run_id:
                self._client.set_tag(run.info.run_id, "mlflow.parentRunId", state.run_id)
            if "searchlab.baseline" in tags:
                state.baselines[tags["searchlab.baseline"]] = run.info.run_id
                continue
            number = int(tags["searchlab.trial"])
            found = TrialRun(run.info.run_id, int(tags["searchlab.attempt"]))
            known = state.trials.get(number)
            if known is None or known.attempt < found.attempt:
                state.trials[number] = found

    def _forget_run(self, run: Any) -> None:
        state, run_id = self.state, run.info.run_id
        self._delete_run(run)
        state.trials = {n: each for n, each in state.trials.items() if each.run_id != run_id}
        state.baselines = {name: each for name, each in state.baselines.items() if each != run_id}

    def _delete_run(self, run: Any) -> None:
        """Delete a run. One that is left RUNNING would stay so in the trash for ever."""
        if run.info.status == "RUNNING":
            self._client.set_terminated(run.info.run_id, "KILLED")
        self._client.delete_run(run.info.run_id)

    def _runs(self, *conditions: str) -> Iterator[Any]:
        """Yield the study's runs that meet the conditions and are not deleted."""
        filter_string = " and ".join([f"tags.`searchlab.id` = '{self.state.study}'", *conditions])
        token: str | None = None
        while True:
            page = self._client.search_runs(
                [self.state.experiment_id], filter_string, max_results=1000, page_token=token
            )
            yield from page
            token = page.token
            if not token:
                return

    def _study(self, batch: Batch, record: StudyRecord, doubt: Doubt) -> None:
        """Create the study's run, or update it."""
        if not self.state.run_id:
            self._create_study(batch, record)
            self._look_up_children(doubt)
        run_id = self.state.run_id
        if batch.fresh:
            started = record.started
            if started is not None:
                self._client.log_inputs(run_id, [dataset_input(started.data)])
                self._client.log_text(run_id, started.text, "study.yaml")
                log_profile(self._client, self._tracked, self.state)
                log_values(self._client, run_id, params=study_params(started, record))
            self._client.update_run(run_id, status="RUNNING")
        tags = {"searchlab.state": record.state, "mlflow.note.content": description(record)}
        tags |= {**budget_tags(record), **finding_tags(record)}
        best, stopped = record.best_trial, record.stopped
        if batch.improved and best is not None:
            params = best.trial.suggestion.params
            tags["searchlab.best_trial"] = str(best.trial.number)
            tags |= {f"best.{name}": str(value) for name, value in params.items()}
            # conditional params of an earlier best trial
            inactive = set(record.spec.search_space.domains) - set(params)
            self._forget({f"best.{name}" for name in inactive})
        if stopped is not None and stopped.winner is not None:
            tags["searchlab.winner"] = str(stopped.winner)
            if stopped.epochs is None:
                self._forget({"searchlab.refit_epochs"})  # an earlier process may have refitted
            else:
                tags["searchlab.refit_epochs"] = str(stopped.epochs)
        log_values(self._client, run_id, batch.points, tags=tags)

    def _forget(self, names: set[str]) -> None:
        """Remove outdated tags of the study's run."""
        if not names:
            return
        tags = self._client.get_run(self.state.run_id).data.tags
        for name in names & set(tags):
            self._client.delete_tag(self.state.run_id, name)

    def _create_study(self, batch: Batch, record: StudyRecord) -> None:
        spec = record.spec
        own = {"searchlab.kind": "study", "searchlab.seed": str(spec.search.seed)}
        tags = {**common_tags(self.state.study, record), **own}
        run = self._client.create_run(
            self.state.experiment_id,
            start_time=milliseconds(batch.created),
            tags=tags,
            run_name=spec.name,
        )
        self.state.run_id = run.info.run_id

    def _whole_trials(self, batch: Batch, record: StudyRecord) -> None:
        """Add the runs of trials that began and ended within the batch, if a database takes them.

        Their updates are done then.
        """
        whole = {
            number: update
            for number, update in batch.trials.items()
            if update.fresh and update.outcome is not None and number not in self.state.trials
        }
        if len(whole) < _MANY:
            return
        runs = [self._ended_run(update, record) for update in whole.values()]
        ids = insert_runs(self._client, self.state.experiment_id, runs)
        for run_id, (number, update) in zip(ids or (), whole.items(), strict=False):
            self.state.trials[number] = TrialRun(run_id, update.attempt)
            self._traceback(run_id, None if update.outcome is None else update.outcome.error)
            del batch.trials[number]

    def _ended_run(self, update: TrialUpdate, record: StudyRecord) -> EndedRun:
        assert update.outcome is not None  # noqa: S101 - it has ended
        assert update.ended is not None  # noqa: S101 - so it has a time
        return EndedRun(
            name=_run_name(update),
            status=_STATUS[update.outcome.state],
            start=milliseconds(update.started),
            end=milliseconds(update.ended),
            tags={**self._trial_tags(update, record), **end_tags(update)},
            params=params_of(update.trial.suggestion.params),
            metrics=metrics_of(update.points),
        )

    def _trial(self, update: TrialUpdate, record: StudyRecord) -> None:
        known = self.state.trials.get(update.trial.number)
        if known is not None and known.attempt > update.attempt:
            return  # everything is sent again, and the store has a later attempt already
        missing = known is None or known.attempt < update.attempt
        if missing and not update.fresh:
            raise LostRunsError(
                f"the run of trial {update.trial.number} was deleted, and is redone"
            )
        if known is None or missing:
            if known is not None:
                # A run that a killed process left RUNNING would stay so in the trash for ever.
                self._client.set_terminated(known.run_id, "KILLED", milliseconds(update.started))
                self._client.delete_run(known.run_id)
            known = self._create_trial(update, record)
        params = update.trial.suggestion.params if update.fresh else {}
        log_values(self._client, known.run_id, update.points, params, end_tags(update))
        if update.ended is None:
            return
        self._traceback(known.run_id, None if update.outcome is None else update.outcome.error)
        status = "KILLED" if update.outcome is None else _STATUS[update.outcome.state]
        self._client.set_terminated(known.run_id, status, milliseconds(update.ended))

    def _baseline(self, update: BaselineUpdate, record: StudyRecord) -> None:
        error = update.compared.error
        run_id = self.state.baselines.get(update.compared.baseline)
        run_id = run_id or self._create_baseline(update, record)
        tags = {} if error is None else error_tag(error)
        points = baseline_points(update.compared, record.spec.data.measured, update.ended)
        log_values(self._client, run_id, points, tags=tags)
        self._traceback(run_id, error)
        status = "FINISHED" if error is None else "FAILED"
        self._client.set_terminated(run_id, status, milliseconds(update.ended))

    def _create_baseline(self, update: BaselineUpdate, record: StudyRecord) -> str:
        name = update.compared.baseline
        tags = {
            **common_tags(self.state.study, record),
            **baseline_tags(name),
            "mlflow.parentRunId": self.state.run_id,
        }
        run = self._client.create_run(
            self.state.experiment_id,
            start_time=milliseconds(update.ended - update.compared.seconds),
            tags=tags,
            run_name=f"baseline {name}",
        )
        self.state.baselines[name] = run.info.run_id
        return str(run.info.run_id)

    def _traceback(self, run_id: str, error: Failure | None) -> None:
        if error is not None and error.traceback:
            self._client.log_text(run_id, error.traceback, "error.txt")

    def _create_trial(self, update: TrialUpdate, record: StudyRecord) -> TrialRun:
        run = self._client.create_run(
            self.state.experiment_id,
            start_time=milliseconds(update.started),
            tags=self._trial_tags(update, record),
            run_name=_run_name(update),
        )
        created = TrialRun(run.info.run_id, update.attempt)
        self.state.trials[update.trial.number] = created
        return created

    def _trial_tags(self, update: TrialUpdate, record: StudyRecord) -> dict[str, str]:
        return {
            **common_tags(self.state.study, record),
            **trial_tags(update, record),
            "mlflow.parentRunId": self.state.run_id,
        }


def _run_name(update: TrialUpdate) -> str:
    return f"trial-{update.trial.number:04d}"


def _model_near(record: StudyRecord) -> bool:
    """Return whether the search is over and its model is being made, as far as is known.

    What takes long at the study's end is begun then, while the last trainings go on. The end of a
    search that its backend or a time budget ends is known from what follows only.
    """
    if record.best is None or record.stopped is not None:
        return False
    trials = None if record.budget is None else record.budget.trials
    searched = trials is not None and record.ended >= trials
    return searched or bool(record.confirmations or record.baselines)
