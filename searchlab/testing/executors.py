"""The laws of executors, held with real trainings on a small real data set.

A test class of an executor inherits from `ExecutorContract`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from searchlab.core.trial import Decision, FailureKind, Suggestion, Trial, TrialState
from searchlab.executors.base import Executor
from searchlab.journal.layout import StudyLayout, refit_data, variant_data
from searchlab.testing.bench import PARAMS, Bench, collect
from searchlab.training.job import (
    BaselineJob,
    Checked,
    CheckJob,
    FinalJob,
    Job,
    Made,
    Measured,
    RefitJob,
    TrialJob,
)


class ExecutorContract:
    """The laws of `searchlab.executors.base.Executor`; a subclass says how to make one."""

    def make(self, workers: int, directory: Path) -> Executor:
        """Make an executor for a study in `directory`."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    def bench(self, tmp_path_factory: pytest.TempPathFactory) -> Bench:
        """Return a study that the tests of a class share."""
        return Bench(tmp_path_factory.mktemp("study"))

    @pytest.fixture(scope="class")
    def kept(self) -> Iterator[list[Executor]]:
        """Keep an executor for the tests of a class: processes take seconds to start."""
        kept: list[Executor] = []
        yield kept
        for executor in kept:
            executor.close()

    @pytest.fixture
    def executor(self, bench: Bench, kept: list[Executor]) -> Executor:
        """Return an idle executor of two workers, which other tests may have used."""
        if kept and not kept[0].idle:  # a test has failed
            kept.pop().close()
        if not kept:
            kept.append(self.make(2, bench.directory))
        return kept[0]

    @pytest.fixture
    def fresh(self, bench: Bench, kept: list[Executor]) -> Iterator[Executor]:
        """Make an executor for a test's own model factories: each executor is for one study."""
        while kept:
            kept.pop().close()
        executor = self.make(2, bench.directory)
        yield executor
        executor.close()

    def test_a_trial_reports_each_epoch_of_each_fold_and_then_ends(
        self, executor: Executor, bench: Bench
    ) -> None:
        """Reports come in order; the outcome's value is the mean of the folds' scores."""
        executor.submit(bench.job())
        reports, outcomes = collect(executor)
        order = [(report.fold, report.epoch) for report in reports]
        assert order == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)]
        assert {"loss", "val_loss", "val_accuracy"} <= set(reports[0].metrics)
        outcome = outcomes[0]
        assert outcome.state is TrialState.COMPLETE
        assert outcome.value == sum(outcome.scores) / 2 == outcome.metrics["val_loss"]
        assert outcome.epochs == 6
        assert outcome.seconds > 0

    def test_the_same_job_has_the_same_outcome_whatever_ran_before(
        self, executor: Executor, bench: Bench
    ) -> None:
        """Equal trainings, more than there are workers, agree to the last bit."""
        for number in range(3):
            executor.submit(bench.job(number))
        _, outcomes = collect(executor)
        assert len({outcome.scores for outcome in outcomes.values()}) == 1
        assert len(outcomes) == 3

    @pytest.mark.parametrize("synchronous", [True, False])
    def test_stop_ends_a_trial_pruned(
        self, executor: Executor, bench: Bench, synchronous: bool
    ) -> None:
        """STOP ends the training; at that very epoch if the job waits for decisions."""
        job = bench.job(synchronous=synchronous)
        trial = replace(job.trial, suggestion=replace(job.trial.suggestion, epochs=2000))
        executor.submit(replace(job, trial=trial))
        reports, outcomes = collect(executor, lambda _: Decision.STOP)
        assert outcomes[0].state is TrialState.PRUNED
        assert outcomes[0].epochs == len(reports) < 2000
        assert outcomes[0].value == reports[-1].metrics["val_loss"]
        if synchronous:
            assert len(reports) == 1

    def test_an_abandoned_trial_has_no_outcome_and_frees_its_place(
        self, executor: Executor, bench: Bench
    ) -> None:
        """After ABANDON nothing is heard of the trial, and the next job runs."""
        executor.submit(bench.job(0, synchronous=True))
        reports, outcomes = collect(executor, lambda _: Decision.ABANDON)
        assert (len(reports), outcomes) == (1, {})
        executor.submit(bench.job(1))
        assert set(collect(executor)[1]) == {1}

    def test_a_promoted_trial_goes_on_where_the_other_stopped(
        self, executor: Executor, bench: Bench
    ) -> None:
        """Three epochs and then two more of them from kept weights are worth more than three."""
        executor.submit(bench.job(0, keep=True))
        first = collect(executor)[1][0]
        promotion = Suggestion(PARAMS, epochs=5, initial_epoch=3, resume_from=0)
        trial = Trial(1, promotion, seed=7)
        executor.submit(bench.job(1, trial=trial, keep=True, weights=first.weights))
        reports, outcomes = collect(executor)
        assert [report.epoch for report in reports] == [4, 5, 4, 5]
        assert outcomes[1].epochs == 4
        assert sum(outcomes[1].scores) < sum(first.scores)
        assert (bench.directory / str(outcomes[1].model_path)).is_file()

    @pytest.mark.parametrize("lost", ["file", "digest"])
    def test_lost_weights_are_no_trainings_own_fault(
        self, executor: Executor, bench: Bench, lost: str
    ) -> None:
        """A job whose saved weights are missing, or are not those named, says so."""
        executor.submit(bench.job(0, keep=True))
        weights = collect(executor)[1][0].weights
        assert len(weights) == len(set(weights)) == 2, "a digest for each fold"
        if lost == "file":
            StudyLayout(bench.directory).checkpoint(0, 1).unlink()
        given = weights if lost == "file" else weights[::-1]
        promotion = Suggestion(PARAMS, epochs=5, initial_epoch=3, resume_from=0)
        executor.submit(bench.job(1, trial=Trial(1, promotion, seed=7), weights=given))
        error = collect(executor)[1][1].error
        assert error is not None
        assert error.kind is FailureKind.LOST

    @pytest.mark.parametrize(("kind", "place"), [(FinalJob, "best"), (RefitJob, "refit")])
    def test_a_model_is_left_with_its_preprocessing(
        self, executor: Executor, bench: Bench, kind: type[FinalJob | RefitJob], place: str
    ) -> None:
        """The winner's own model and the refitted one lie side by side, each whole."""
        data = bench.directory / "data"
        executor.submit(
            bench.job(0, kind=kind, data=refit_data(data) if kind is RefitJob else data)
        )
        made = collect(executor)[1][0]
        assert isinstance(made, Made)
        assert set(made.metrics) == {"loss", "accuracy"}
        assert made.model_path == f"{place}/model.keras"
        assert (bench.directory / place / "model.keras").is_file()
        assert (bench.directory / place / "preprocessing.skops").is_file()

    def test_each_trial_has_the_data_of_its_params(
        self, tmp_path: Path, kept: list[Executor]
    ) -> None:
        """Beside each other they score otherwise, and a model is measured on its own arrays."""
        import keras

        from searchlab.data.prepared import open_data

        sought = {"dataset": "iris", "scale": {"choice": ["standard", "minmax"]}}
        bench = Bench(tmp_path / "study", data=sought)

        def job(number: int, scale: str, kind: type[Job] = TrialJob) -> Any:
            params = {**PARAMS, "data.scale": scale}
            data = variant_data(bench.directory / "data", bench.spec.variant(params))
            own = bench.job(number, params, kind=kind)
            return replace(own, data=data, spec=own.spec.settled(params))

        while kept:  # a process has one connection to a cluster
            kept.pop().close()
        executor, final = self.make(2, bench.directory), job(3, "minmax", FinalJob)
        try:
            for number, scale in enumerate(["standard", "minmax", "standard"]):
                executor.submit(job(number, scale))
            outcomes = collect(executor)[1]
            assert outcomes[0].scores == outcomes[2].scores != outcomes[1].scores
            executor.submit(final)
            made = collect(executor)[1][3]
        finally:
            executor.close()
        file = bench.directory / "best" / "model.keras"
        model = keras.models.load_model(file, safe_mode=True)
        rows = open_data(final.data)
        measured = model.evaluate(rows.x_validation, rows.y_validation, verbose=0, return_dict=True)
        assert made.metrics == pytest.approx(measured, rel=1e-5)

    @pytest.mark.parametrize("refit", [True, False])
    def test_the_test_rows_are_used_once(
        self, executor: Executor, bench: Bench, refit: bool
    ) -> None:
        """By the study's model alone; one that is refitted later is measured on other rows."""
        import keras

        from searchlab.data.prepared import open_data

        data = open_data(bench.directory / "data")
        spec = bench.spec.model_copy(update={"refit": refit, "model": "mlp"})
        executor.submit(bench.job(0, kind=FinalJob, spec=spec))
        outcome = collect(executor)[1][0]
        model = keras.models.load_model(bench.directory / "best" / "model.keras", safe_mode=True)
        rows = (data.x_validation, data.y_validation) if refit else (data.x_test, data.y_test)
        measured = model.evaluate(*rows, verbose=0, return_dict=True)
        assert outcome.metrics == pytest.approx(measured, rel=1e-5)

    def test_the_refit_is_measured_with_its_own_preprocessing(
        self, executor: Executor, bench: Bench
    ) -> None:
        """The refitted model saw all rows but the test's, and so did what scales its inputs."""
        import keras

        from searchlab.data.prepared import open_data

        data = refit_data(bench.directory / "data")
        executor.submit(bench.job(0))  # on the study's own data, as in every study
        executor.submit(bench.job(1, kind=RefitJob, data=data))
        made = collect(executor)[1][1]
        file = bench.directory / "refit" / "model.keras"
        model = keras.models.load_model(file, safe_mode=True)
        test = open_data(data)
        measured = model.evaluate(test.x_test, test.y_test, verbose=0, return_dict=True)
        assert made.metrics == pytest.approx(measured, rel=1e-5)

    @pytest.mark.parametrize("refit", [True, False])
    def test_a_baseline_scores_as_scikit_learn_on_the_same_rows(
        self, executor: Executor, bench: Bench, refit: bool
    ) -> None:
        """The rows are those of the study's model: with a refit, the early-stopping rows too."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import log_loss

        from searchlab.data.prepared import open_data

        directory = bench.directory / "data"
        data = refit_data(directory) if refit else directory
        spec = bench.spec.model_copy(update={"refit": refit})
        executor.submit(bench.job(0))  # on the study's own data, as in every study
        job = bench.job(1, kind=BaselineJob, baseline="logistic", data=data, spec=spec)
        executor.submit(job)
        measured = collect(executor)[1][1]
        rows = open_data(data)
        model = LogisticRegression(max_iter=1000).fit(rows.x_train, rows.y_train)
        expected = log_loss(rows.y_test, model.predict_proba(rows.x_test))
        assert measured.metrics["loss"] == pytest.approx(expected, rel=1e-5)
        assert measured.metrics["accuracy"] == pytest.approx(model.score(rows.x_test, rows.y_test))

    def test_a_baseline_is_fitted_beside_trainings(self, executor: Executor, bench: Bench) -> None:
        """It has the network's metrics, and the trainings end as without it."""
        executor.submit(bench.job(0))
        for number, name in ((1, "logistic"), (2, "perceptron")):
            data = refit_data(bench.directory / "data")
            executor.submit(bench.job(number, kind=BaselineJob, baseline=name, data=data))
        outcomes = collect(executor)[1]
        assert outcomes[0].state is TrialState.COMPLETE
        assert isinstance(outcomes[1], Measured)
        assert set(outcomes[1].metrics) == {"loss", "accuracy"}
        assert outcomes[1].metrics["accuracy"] > 0.8
        assert set(outcomes[2].metrics) == {"accuracy"}, "the Perceptron knows no probabilities"

    def test_a_training_that_fails_is_an_outcome(self, fresh: Executor, bench: Bench) -> None:
        """Whatever a training raises, the outcome says what and where, and the next job runs."""
        failures = {
            "raises": ("ValueError", "these params do not fit"),
            "diverges": ("FloatingPointError", "the training diverged"),
            "poisons": ("FloatingPointError", "not finite after the training"),
        }
        for number, factory in enumerate([*failures, "mlp"]):
            fresh.submit(bench.job(number, factory=factory))
        _, outcomes = collect(fresh)
        for number, (kind, message) in enumerate(failures.values()):
            assert outcomes[number].state is TrialState.FAIL
            assert outcomes[number].error is not None
            assert outcomes[number].error.type == kind
            assert message in outcomes[number].error.message
            assert "Traceback" in outcomes[number].error.traceback
        assert outcomes[len(failures)].state is TrialState.COMPLETE

    def test_a_check_says_whether_the_model_can_be_trained(
        self, fresh: Executor, bench: Bench
    ) -> None:
        """Its result is of a type of its own, with the reason if the model cannot be trained."""
        for factory, kind in (("build", None), ("raises", FailureKind.REFUSED)):
            fresh.submit(bench.job(0, kind=CheckJob, factory=factory))
            checked = collect(fresh)[1][0]
            assert isinstance(checked, Checked)
            assert (None if checked.error is None else checked.error.kind) is kind

    def test_closing_in_the_middle_ends_everything_at_once(
        self, fresh: Executor, bench: Bench
    ) -> None:
        """close() does not wait for a training, and may be called twice."""
        for number in range(4):
            fresh.submit(bench.job(number))
        fresh.close()
        fresh.close()
        assert fresh.idle
