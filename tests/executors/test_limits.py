"""Misbehaving trials, each in a real worker process: every one is a FAIL with its reason."""

from dataclasses import replace

import psutil
import pytest
from support.studies import write_study

from searchlab.core.trial import FailureKind, TrialState
from searchlab.engine.checks import study_problems
from searchlab.errors import ModelError, StudyFileError
from searchlab.executors.inline import InlineExecutor
from searchlab.executors.process import ProcessExecutor
from searchlab.journal.layout import study_layout
from searchlab.study.file import load_study
from searchlab.study.spec import StudySpec
from searchlab.testing.bench import PARAMS, collect
from searchlab.testing.doubles import study
from searchlab.training.job import CheckJob, TrialJob

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def executor(bench):
    executor = ProcessExecutor(2, bench.directory)
    yield executor
    executor.close()


def limited(job, **limits):
    """Return the job with these limits."""
    values = job.spec.as_dict()
    values["training"]["limits"] = limits
    return replace(job, spec=StudySpec.from_dict(values))


LIMITS = {"TimeLimit": {"seconds": 1.5, "memory": "4GB"}, "MemoryLimit": {"memory": "900MB"}}
"""Limits that are soon exceeded, by the resulting kind of failure."""


PRETENDED = ["StorageError", "ModelError", "WorkerKilled", "NodeLost", "TimeLimit"]
"""The names of the exceptions that `pretends` raises."""

KINDS = {
    "WorkerDied": FailureKind.WORKER_DIED,
    "WorkerKilled": FailureKind.WORKER_KILLED,
    "TimeLimit": FailureKind.TIME_LIMIT,
    "MemoryLimit": FailureKind.MEMORY_LIMIT,
}
"""The failure kinds other than an error of the training."""


MISBEHAVING = {  # each factory's error: its type, message and place
    "quits": ("SystemExit", "sys.exit(3) was called", "in quits"),
    "exits": ("WorkerDied", "ended with exit code 3", ""),
    "segfaults": ("WorkerDied", "killed by SIGSEGV", "in segfaults"),
    "kills_itself": ("WorkerKilled", "killed by SIGKILL", "last words"),
    "hangs": ("TimeLimit", "training.limits.seconds and was killed", "in hangs"),
    "stops_itself": ("TimeLimit", "training.limits.seconds and was killed", ""),
    "dawdles": ("TimeLimit", "training.limits.seconds and was killed", "in on_epoch_begin"),
    "hogs": ("MemoryLimit", "more than the 0.90 GB of training.limits.memory", "in hogs"),
}
CHECKED = ("quits", "exits", "hangs", "hogs")
GOOD = (2, 6, 11)
"""Places of trials that behave, among those that do not."""


@pytest.fixture(scope="module")
def results(executor, bench):
    """Run everything that misbehaves, and a few good trials beside it.

    Returns:
        All pairs of a job's kind and factory, in the order of the jobs, and each job's result.
    """
    jobs = [(TrialJob, name) for name in MISBEHAVING] + [(CheckJob, name) for name in CHECKED]
    for place in GOOD:
        jobs.insert(place, (TrialJob, "build"))
    for number, (kind, factory) in enumerate(jobs):
        error, *_ = MISBEHAVING.get(factory, ("",))
        job = bench.job(number, factory=factory, kind=kind)
        executor.submit(limited(job, **LIMITS.get(error, {})))
    results = collect(executor)[1]
    return jobs, [results[number] for number in range(len(jobs))]


def result_of(results, kind, factory):
    jobs, found = results
    return found[jobs.index((kind, factory))]


@pytest.mark.parametrize("factory", MISBEHAVING)
def test_a_trial_that_misbehaves_fails(results, factory):
    """It fails with its reason and place."""
    outcome = result_of(results, TrialJob, factory)
    kind, message, where = MISBEHAVING[factory]
    assert outcome.state is TrialState.FAIL
    assert outcome.error.type == kind
    assert outcome.error.kind is KINDS.get(kind, FailureKind.ERROR)
    assert message in outcome.error.message
    assert where in outcome.error.traceback
    assert outcome.seconds > 0


def test_what_misbehaves_fails_alone(results):
    """The trials beside and after it complete, with the same value."""
    good = [results[1][place] for place in GOOD]
    assert {outcome.state for outcome in good} == {TrialState.COMPLETE}
    assert len({outcome.value for outcome in good}) == 1


@pytest.mark.parametrize("factory", CHECKED)
def test_the_check_of_a_model_that_misbehaves_fails_too(results, factory):
    """Limits and failures are the same in the check as in a trial."""
    assert result_of(results, CheckJob, factory).error.type == MISBEHAVING[factory][0]


def test_a_users_exception_is_an_ordinary_error_whatever_its_name(executor, bench):
    """Users' classes named like searchlab's failures are not mistaken for them.

    One is raised in the factory, the others while a layer is called.
    """
    for number in range(len(PRETENDED)):
        executor.submit(bench.job(number, {**PARAMS, "n_neurons": number}, factory="pretends"))
    _, outcomes = collect(executor)
    errors = [outcomes[number].error for number in range(len(PRETENDED))]
    assert [error.type for error in errors] == PRETENDED
    assert {error.kind for error in errors} == {FailureKind.ERROR}
    assert all("in pretends" in error.traceback for error in errors[:1])
    assert all("in call" in error.traceback for error in errors[1:])
    assert all("raised by the user" in error.message for error in errors)


@pytest.mark.parametrize("kind", [TrialJob, CheckJob])
def test_sys_exit_does_not_end_the_inline_executor(bench, kind):
    """A factory that calls sys.exit in the loop's own process is a FAIL there too."""
    executor = InlineExecutor(1, bench.directory)
    executor.submit(bench.job(0, factory="quits", kind=kind))
    error = collect(executor)[1][0].error
    assert (error.type, error.message) == (
        "SystemExit",
        "sys.exit(3) was called: raise an exception instead",
    )


def test_a_cancelled_trial_has_no_outcome_and_frees_its_place(executor, bench):
    """Its process is killed at once, whatever it is doing; the others are unaffected."""
    executor.submit(bench.job(0, factory="hangs"))
    executor.submit(bench.job(1))
    executor.submit(bench.job(2))
    while executor.poll(lambda _: None, 0.1) == []:
        pass
    before = len(psutil.Process().children(recursive=True))
    executor.cancel(0)
    assert len(psutil.Process().children(recursive=True)) == before - 1
    assert 0 not in collect(executor)[1]


def test_trials_within_their_limits_are_let_be(executor, bench):
    """A limit that is not reached changes no value, and starts over with each trial."""
    executor.submit(bench.job(0))
    for number in (1, 2):
        executor.submit(limited(bench.job(number), seconds=60, memory="4GB"))
    _, outcomes = collect(executor)
    assert len({outcome.value for outcome in outcomes.values()}) == 1


@pytest.mark.parametrize(
    ("memory", "size"),
    [
        ("500MB", 500 * 10**6),
        ("2GB", 2 * 10**9),
        ("2 GiB", 2 * 2**30),
        ("1.5gb", 1_500_000_000),
        (700_000_000, 700_000_000),
        ("700000000", 700_000_000),
    ],
)
def test_memory_is_written_as_people_write_it(memory, size):
    """Sizes are read with their unit and stored in bytes."""
    spec = study(training={"limits": {"memory": memory}})
    assert spec.training.limits.memory == size
    assert StudySpec.from_dict(spec.as_dict()) == spec


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ("training: {limits: {memory: lots}}", "must be a size such as 500MB, 2GB or 2GiB"),
        ("training: {limits: {memory: 2 TB}}", "must be a size such as 500MB, 2GB or 2GiB"),
        ("training: {limits: {memory: true}}", "must be a size such as 500MB, 2GB or 2GiB"),
        ("training: {limits: {memory: 100MB}}", "give 500MB or more"),
        ("training: {limits: {seconds: 0}}", "must be above 0"),
        ("training: {limits: {minutes: 5}}", "unknown key"),
        ("search: {trials: 3, on_failure: retry}", "must be continue, stop or {retry: 2}"),
        ("search: {trials: 3, on_failure: {retry: 0}}", "must be at least 1"),
        ("search: {trials: 3, on_failure: {again: 1}}", "on_failure.again: unknown key"),
        (
            "training: {limits: {seconds: 5}}\nexecution: {executor: inline}",
            "set execution.executor to process, or leave the limits out",
        ),
    ],
)
def test_limits_that_cannot_be_kept_are_refused(tmp_path, changes, message):
    """Each is rejected with its key and a remedy before anything runs."""
    text = "name: a\ndata: {dataset: iris}\nspace: {n_hidden: {int: [0, 3]}}\n"
    path = write_study(tmp_path / "a.yaml", f"{text}{changes}\n")
    trials = {} if "trials" in changes else {"search.trials": 3}
    with pytest.raises(StudyFileError) as refused:
        load_study(path, trials, [study_problems])
    assert any(message in problem for problem in refused.value.problems)


@pytest.mark.parametrize("execution", ["", "execution: {executor: process}\n"])
def test_limits_go_with_every_executor_that_has_processes(tmp_path, execution):
    """The default executor enforces them too, by giving each training a process of its own."""
    text = "name: a\ndata: {dataset: iris}\nspace: {n_hidden: {int: [0, 3]}}\nsearch: {trials: 3}\n"
    limits = "training: {limits: {seconds: 5, memory: 2GB}}\n"
    path = write_study(tmp_path / "a.yaml", f"{text}{limits}{execution}")
    assert load_study(path, {}, [study_problems]).spec.training.limits.seconds == 5


def test_a_model_whose_check_hangs_is_refused_in_time(tmp_path):
    """Limits apply to the check too, so `searchlab run` does not wait forever before trial 0."""
    from searchlab.core.interrupt import Interrupt
    from searchlab.engine.run import run_study

    (tmp_path / "slow.py").write_text("import time\ndef build(n_hidden):\n    time.sleep(600)\n")
    text = (
        "name: a\ndata: {dataset: iris}\nspace: {n_hidden: {int: [0, 3]}}\nmodel: slow.py:build\n"
        "search: {trials: 3}\ntraining: {limits: {seconds: 1}}\n"
    )
    file = load_study(write_study(tmp_path / "a.yaml", text), {}, [study_problems])
    with pytest.raises(ModelError, match=r"TimeLimit: .*training\.limits\.seconds"):
        run_study(file, tmp_path, lambda _: [], Interrupt(), lambda _: None)
    assert not study_layout("a", tmp_path).directory.exists()
