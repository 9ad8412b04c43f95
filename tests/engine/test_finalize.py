"""The end phase: confirmation, refit, one test, baselines; and its exact resumption.

The loop, the backend and the journal are real; a formula replaces trainings.
"""

import pytest
from support.studies import write_study

from searchlab.core.interrupt import Interrupt
from searchlab.core.trial import Failure, FailureKind
from searchlab.engine import plugins
from searchlab.engine.checks import study_problems
from searchlab.engine.run import run_study
from searchlab.errors import SearchlabError, StorageError
from searchlab.journal.events import Compared, Confirmed, Stopped
from searchlab.journal.journal import read_journal
from searchlab.journal.layout import study_layout
from searchlab.journal.standings import standings
from searchlab.study.file import load_study
from searchlab.testing.doubles import TrivialExecutor
from searchlab.tracking.memory import MemoryTracker
from searchlab.training.job import BaselineJob, CheckJob, FinalJob, RefitJob, TrialJob

STUDY = """\
name: small
data: {dataset: diabetes}
space: {n_hidden: {int: [0, 3]}, n_neurons: {int: [1, 100]}, learning_rate: {float: [0.01, 0.1]}}
search: {backend: randomized, trials: 5}
training: {epochs: 3}
evaluation: {holdout: 0.2}
confirm: {top: 2, seeds: 2}
"""


def luck(trial, epoch):
    """Return a loss that favors small trial numbers, and large ones with any other seed."""
    number = trial.suggestion.params["n_neurons"]
    return (number if trial.seed == 42 else 1000 - number) + 1 / epoch


class Noting(TrivialExecutor):
    """An executor that records its jobs and fails with each of these errors once."""

    def __init__(self, errors=None):
        super().__init__(4, self._of)
        self.jobs, self._errors, self.value = [], dict(errors or {}), luck

    def _of(self, trial, epoch):
        return self.value(trial, epoch)

    def submit(self, job):
        self.jobs.append(job)
        super().submit(job)

    def poll(self, decide, timeout):
        for job in list(self._jobs):
            if type(job) in self._errors:
                self._jobs.remove(job)
                error = self._errors.pop(type(job))
                return [job.gives.failed(job.number, error)]
        return super().poll(decide, timeout)

    def works(self):
        return [type(job) for job in self.jobs]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that runs the study with an executor, an interrupt and changes to the file."""

    def run(executor, interrupt=None, **overrides):
        monkeypatch.setattr(plugins, "executor", lambda _: lambda *_: executor)
        file = load_study(write_study(tmp_path / "a.yaml", STUDY), overrides, [study_problems])
        make = lambda _: [MemoryTracker()]  # noqa: E731
        return run_study(file, tmp_path, make, interrupt or Interrupt(), lambda _: None)

    return run


def events(directory, kind):
    entries = read_journal(study_layout("small", directory).journal)
    return [entry.event for entry in entries if isinstance(entry.event, kind)]


def test_the_winner_is_the_best_with_fresh_seeds(run, tmp_path):
    """The best two are trained with two more seeds each; the better mean wins and is refitted.

    The number of epochs of the refit comes from these trainings.
    """
    executor = Noting()
    record = run(executor)
    assert executor.works()[6:] == [*[BaselineJob] * 3, *[TrialJob] * 4, FinalJob, RefitJob]
    again = [job for job in executor.jobs if isinstance(job, TrialJob)][5:]
    assert [job.trial.seed for job in again] == [43, 44, 43, 44]
    assert len({job.number for job in again} | set(range(5))) == 9, "numbers of their own"
    assert standings(record)[0].number != record.best
    winner = record.trials[record.stopped.winner].trial
    final, refit = executor.jobs[-2].trial, executor.jobs[-1].trial
    assert (final.number, final.seed) == (winner.number, 42)
    assert refit.suggestion.params == winner.suggestion.params
    assert refit.suggestion.epochs == record.stopped.epochs == 3
    assert [each.baseline for each in events(tmp_path, Compared)] == ["dummy", "linear", "boosting"]


def test_the_longest_trainings_are_confirmed_first(run):
    """No core waits at the end for a training of many epochs that began last."""
    executor = Noting()
    record = run(executor, **{"search.backend": "hyperband", "search.trials": 8, "confirm.top": 8})
    again = [job for job in executor.jobs if isinstance(job, TrialJob)][len(record.trials) :]
    epochs = [job.trial.suggestion.epochs for job in again]
    assert set(epochs) == {1, 3}
    assert epochs == sorted(epochs, reverse=True)
    assert len(again) == len(record.confirmations)


@pytest.mark.parametrize(
    ("changes", "works"),
    [
        ({"confirm": 0}, [*[BaselineJob] * 3, FinalJob, RefitJob]),
        ({"confirm.seeds": 0}, [*[BaselineJob] * 3, FinalJob, RefitJob]),
        ({"confirm": 0, "refit": False}, [*[BaselineJob] * 3, FinalJob]),
        ({"confirm": 0, "refit": False, "baselines": False}, [FinalJob]),
        (
            {"confirm.top": 1, "confirm.seeds": 1, "baselines": False},
            [TrialJob, FinalJob, RefitJob],
        ),
    ],
)
def test_each_part_can_be_turned_off(run, changes, works):
    """Nothing is trained for a part that the file turns off."""
    executor = Noting()
    record = run(executor, **changes)
    assert executor.works()[6:] == works
    assert record.state == "finished"
    assert (record.stopped.epochs is None) == (RefitJob not in works)


def test_without_test_rows_the_refit_has_the_metrics_of_the_model_before_it(run):
    """The refit waits for the winner's own model, which is measured on rows that the refit sees."""
    executor = Noting()
    record = run(executor, **{"data.test": 0, "confirm": 0, "baselines": False})
    final, refit = executor.jobs[-2:]
    assert (type(final), type(refit)) == (FinalJob, RefitJob)
    winner = record.trials[record.stopped.winner].trial
    assert refit.measured == record.stopped.metrics == {"val_loss": luck(winner, 3)}
    assert (record.started.data["test"], record.spec.data.measured) == (0, "validation")


def test_without_test_rows_an_interrupt_between_model_and_refit_is_kept(run):
    """The next process makes both models, and the study ends as if nothing had been."""
    whole = run(Noting(), **{"data.test": 0})
    interrupt, executor = Interrupt(), Noting()

    def value(trial, epoch):
        if any(isinstance(job, FinalJob) for job in executor.jobs):
            interrupt.request()
        return luck(trial, epoch)

    executor.value = value
    record = run(executor, interrupt, **{"name": "cut", "data.test": 0})
    assert (record.state, record.stopped.model_path) == ("interrupted", None)
    assert RefitJob not in executor.works()
    record = run(Noting(), **{"name": "cut", "data.test": 0})
    assert record.stopped.metrics == whole.stopped.metrics


def test_a_finished_study_whose_ending_changes_does_what_is_new(run):
    """More seeds train only the new ones; the same file again trains nothing."""
    run(Noting())
    second = Noting()
    run(second, **{"confirm.seeds": 3})
    assert second.works() == [CheckJob, TrialJob, TrialJob, FinalJob, RefitJob]
    assert {job.trial.seed for job in second.jobs if isinstance(job, TrialJob)} == {45}
    third = Noting()
    assert run(third, **{"confirm.seeds": 3}).state == "finished"
    assert third.jobs == []


def test_wherever_it_is_interrupted_the_ending_is_the_same(run, tmp_path):
    """Journaled trainings are not repeated, and the winner and its epochs stay the same."""
    whole = run(Noting())
    journal = study_layout("small", tmp_path).journal
    lines = journal.read_bytes().splitlines(keepends=True)
    first = next(i for i, line in enumerate(lines) if b'"Compared"' in line or b'"Confi' in line)
    for cut in range(first, len(lines)):
        journal.write_bytes(b"".join(lines[:cut]))
        known = len(events(tmp_path, Compared | Confirmed))
        executor = Noting()
        record = run(executor)
        assert executor.works().count(TrialJob) + executor.works().count(BaselineJob) == 7 - known
        assert standings(record) == standings(whole)
        assert record.stopped.winner == whole.stopped.winner
        assert record.stopped.epochs == whole.stopped.epochs
        assert len(events(tmp_path, Confirmed)) == 4, "each once"


def test_an_interrupt_in_the_ending_leaves_it_for_the_next_process(run):
    """The study is interrupted with its confirmations kept, and the next process finishes it."""
    interrupt, executor = Interrupt(), Noting()

    def value(trial, epoch):
        if trial.seed == 43:
            interrupt.request()
        return luck(trial, epoch)

    executor.value = value
    record = run(executor, interrupt)
    assert (record.state, record.stopped.model_path) == ("interrupted", None)
    assert record.best is not None
    assert run(Noting()).state == "finished"


def test_a_seed_or_a_baseline_that_fails_does_not_end_the_study(run):
    """The failures are recorded, and the study has its model."""
    failure = Failure("ValueError", "diverged")
    record = run(Noting({BaselineJob: failure}))
    assert record.state == "finished"
    assert [each.error for each in record.baselines.values()] == [failure, None, None]


def test_a_confirmation_that_fails_counts_against_its_trial(run, tmp_path):
    """Its trial ranks below one whose confirmations all succeed."""
    executor = Noting()

    def value(trial, epoch):
        if trial.seed == 44 and trial.suggestion.params["n_neurons"] == worst:
            raise ValueError("diverged")
        return luck(trial, epoch)

    before = run(Noting())
    worst = before.trials[before.stopped.winner].trial.suggestion.params["n_neurons"]
    study_layout("small", tmp_path).journal.unlink()
    executor.value = value
    record = run(executor)
    assert [each.failed for each in standings(record)] == [0, 1]
    assert record.trials[record.stopped.winner].trial.suggestion.params["n_neurons"] != worst


def test_a_worker_killed_from_outside_costs_nothing_the_first_time(run):
    """Any kind of job is run once more."""
    killed = Failure("Killed", "was killed", kind=FailureKind.WORKER_KILLED)
    executor = Noting(dict.fromkeys([BaselineJob, FinalJob, RefitJob], killed))
    record = run(executor)
    assert record.state == "finished"
    assert executor.works().count(RefitJob) == 2
    assert all(each.error is None for each in record.baselines.values())


def test_a_refit_that_fails_leaves_the_winners_own_model(run, tmp_path):
    """That model is the study's and is tested; the record says why there was no refit."""
    executor = Noting({RefitJob: Failure("FloatingPointError", "diverged")})
    record = run(executor)
    assert executor.works()[-3:] == [FinalJob, RefitJob, FinalJob]
    assert [job.spec.refit for job in executor.jobs[-3:]] == [True, True, False]
    assert record.state == "finished"
    assert record.stopped.epochs is None
    assert record.stopped.refit_error == Failure("FloatingPointError", "diverged")
    assert events(tmp_path, Stopped) == [record.stopped], "it is in the journal as it was said"


def test_a_model_that_cannot_be_made_says_so_and_all_trials_are_kept(run):
    """The error names the trial and the reason, and the next process tries again."""
    with pytest.raises(SearchlabError, match="could not be made into the study's model: Val"):
        run(Noting({FinalJob: Failure("ValueError", "diverged")}))
    with pytest.raises(StorageError, match="the disk is full"):
        run(Noting({FinalJob: Failure("OSError", "the disk is full", kind=FailureKind.STORAGE)}))
    assert run(Noting()).state == "finished"


@pytest.mark.parametrize(
    ("text", "overrides", "expected"),
    [
        (STUDY, {}, "small"),
        (STUDY, {"name": "other"}, "small"),
        (STUDY + "registered_model: houses\n", {"name": "other"}, "houses"),
        (STUDY + "registered_model: null\n", {}, None),
        (STUDY.replace("small", "no name"), {"name": "other"}, "other"),
    ],
)
def test_the_registered_model_is_named_by_the_file(tmp_path, text, overrides, expected):
    """Studies of one file compete for one registered model, regardless of --name."""
    file = load_study(write_study(tmp_path / "a.yaml", text), overrides)
    assert file.spec.registered_model == expected
