"""Studies with many trials at once: stopped anywhere, they resume as if never stopped."""

import random
from collections import Counter

import pytest
from engine.lives import FILE, Life, cut_at, settings
from engine.process import BACKENDS, Flaky, retried

from searchlab.core.trial import Outcome, TrialState
from searchlab.journal.events import Asked, Told
from searchlab.journal.journal import Journal, read_journal
from searchlab.testing.doubles import LogicalExecutor, bowl, study
from searchlab.tracking.memory import MemoryTracker


class Killed(BaseException):
    """Immediate death of the process."""


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_study_killed_at_any_entry_makes_the_decisions_of_an_undisturbed_one(tmp_path, backend):
    """The resumed backend gets the same calls and gives the same answers, in the same order."""
    spec = settings(backend)
    whole = Life(tmp_path / "whole", spec).all_calls()
    lines = (tmp_path / "whole" / FILE).read_bytes().splitlines(keepends=True)
    pruned = [c for c in whole if isinstance(c, Outcome) and c.state is TrialState.PRUNED]
    assert bool(pruned) == (backend == "optuna")
    step = 1 if backend == "optuna" else 13
    for cut in range(0, len(lines), step):
        directory = cut_at(tmp_path / str(cut), lines[:cut])
        assert Life(directory, spec).all_calls() == whole, cut


@pytest.mark.parametrize("seed", range(4))
def test_a_study_killed_again_and_again_makes_the_same_decisions(tmp_path, monkeypatch, seed):
    """This includes a resumed process that dies before its trials catch up with the journal."""
    spec = settings("optuna")
    whole = Life(tmp_path / "whole", spec).all_calls()
    generator, deaths = random.Random(seed), 0  # noqa: S311 - moments, not secrets
    append = Journal.append

    def mortal(journal, event):
        nonlocal left
        left -= 1
        if not left:
            raise Killed
        return append(journal, event)

    monkeypatch.setattr(Journal, "append", mortal)
    calls = None
    while calls is None:
        left = generator.randint(1, 40)
        try:
            calls = Life(tmp_path / "killed", spec).all_calls()
        except Killed:
            deaths += 1
    assert deaths >= 3
    assert calls == whole


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_interrupted_study_makes_the_decisions_of_an_undisturbed_one(tmp_path, backend):
    """After Ctrl-C no outcome, not even a failure, is told before the ask that precedes it."""

    def value(trial, epoch):
        if trial.number in (2, 5, 6, 11, 12):
            raise ValueError("bad luck")
        return bowl(trial, epoch)

    spec = settings(backend)
    whole = Life(tmp_path / "whole", spec, value).all_calls()
    length = len((tmp_path / "whole" / FILE).read_bytes().splitlines())

    class Pressing(MemoryTracker):
        """A tracker that simulates Ctrl-C at one entry."""

        def record(self, entry):
            super().record(entry)
            if len(self.entries) == moment:
                first.interrupt.requested = True

    for moment in range(2, length, 1 if backend == "optuna" else 7):
        first = Life(tmp_path / str(moment), spec, value)
        first.tracker = Pressing()
        first.run()
        assert Life(tmp_path / str(moment), spec, value).all_calls() == whole, moment


def test_a_study_with_retries_and_many_trials_at_once_resumes_exactly(tmp_path):
    """A retried attempt catches up, and all trials keep their order."""
    spec = settings("optuna", on_failure={"retry": 2})
    failures = {1: 1, 4: 2, 9: 9}
    whole = Life(tmp_path / "whole", spec, Flaky(failures)).all_calls()
    lines = (tmp_path / "whole" / FILE).read_bytes().splitlines(keepends=True)
    assert len(retried(tmp_path / "whole")) >= 3
    for cut in range(2, len(lines), 5):
        directory = cut_at(tmp_path / str(cut), lines[:cut])
        left = Counter(failures)
        left.subtract(retried(directory))
        assert Life(directory, spec, Flaky(left)).all_calls() == whole, cut


def test_jobs_start_at_the_time_at_which_they_were_asked_for(tmp_path):
    """A job carries its trial's start time, which is the same after the study is resumed."""
    spec = study(search={"backend": "randomized", "trials": 5}, training={"epochs": 4})
    starts = {}

    class Noting(LogicalExecutor):
        def submit(self, job):
            starts.setdefault(job.number, []).append(job.start)
            super().submit(job)

    first = Life(tmp_path, spec)
    first.executor = Noting(2)
    first.run()
    assert starts == {0: [0], 1: [0], 2: [4], 3: [4], 4: [8]}
    lines = (tmp_path / FILE).read_bytes().splitlines(keepends=True)
    told = [number for number, line in enumerate(lines) if b'"event":"Told"' in line]
    second = Life(cut_at(tmp_path / "cut", lines[: told[2]]), spec)
    second.executor = Noting(2)
    second.run()
    assert starts == {0: [0], 1: [0], 2: [4, 4], 3: [4, 4], 4: [8, 8]}


@pytest.mark.parametrize(
    ("backend", "options", "workers", "most"),
    [
        ("optuna", {}, 1, 8),
        ("optuna", {}, 11, 11),
        ("optuna", {"sampler": "random", "pruner": "none"}, 1, 20),
        ("randomized", {}, 1, 20),
    ],
)
def test_a_backend_that_learns_is_asked_for_a_few_trials_at_once(
    tmp_path, backend, options, workers, most
):
    """Its limit holds however many jobs an executor accepts, but never below the workers."""
    spec = study(
        search={"backend": backend, "trials": 20, "options": options},
        training={"epochs": 2},
        execution={"workers": workers},
    )
    Life(tmp_path, spec, at_once=64).run()
    open_now = [0]
    for entry in read_journal(tmp_path / FILE):
        change = isinstance(entry.event, Asked) - isinstance(entry.event, Told)
        open_now.append(open_now[-1] + change)
    assert max(open_now) == most
