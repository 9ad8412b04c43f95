"""The fused executor with scripted hosts: logical order of reports, and failures of hosts."""

import subprocess
import sys
import time
from itertools import count

import pytest
from executors.scripted_host import METRIC, SPEC, Bench, Player, complete, job

from searchlab.core.trial import Decision, Failure, FailureKind, Outcome, TrialState
from searchlab.executors.fused import IN_FLIGHT, LIMITS
from searchlab.fused.messages import Began, Building, Decided, Declined, Drop, Ended, Submit, Worn
from searchlab.testing.doubles import LogicalExecutor, bowl, study
from searchlab.training.job import Checked, CheckJob, FinalJob, Made

KILLED = Failure("WorkerKilled", "killed by SIGKILL", kind=FailureKind.WORKER_KILLED)


@pytest.fixture(name="bench")
def _bench():
    bench = Bench()
    yield bench
    bench.executor.close()


def failed(number: int) -> Outcome:
    return Outcome(number, TrialState.FAIL, error=Failure("ValueError", "no"))


def choose(report) -> Decision:
    """Stop about a fifth of all epochs' trials, whichever executor asks."""
    seldom = (report.number * 7 + report.epoch * 3) % 11 < 2
    return Decision.STOP if seldom else Decision.CONTINUE


def search(executor, play=lambda: None, trials=40, open_=8) -> list:
    """Run a loop that keeps some trials open, and return all that it hears."""
    heard, starts, counts, now, asked = [], {}, {}, 0, 0

    def decide(report):
        nonlocal now
        heard.append((report.number, report.epoch, report.metrics[METRIC]))
        counts[report.number] += 1
        now = max(now, starts[report.number] + counts[report.number])
        return choose(report)

    while True:
        while asked < trials and len(starts) < open_:
            starts[asked], counts[asked] = now, 0
            epochs, synchronous = 1 + asked * 5 % 13, asked % 2 == 0
            executor.submit(job(asked, start=now, epochs=epochs, synchronous=synchronous))
            asked += 1
        if not starts:
            return heard
        play()
        for outcome in executor.poll(decide, 0):
            heard.append((outcome.number, outcome.state, outcome.value, outcome.epochs))
            del starts[outcome.number]


# ---- the order


@pytest.mark.parametrize(("seed", "workers"), [(0, 1), (1, 1), (2, 2), (3, 3), (4, 3)])
def test_the_loop_hears_the_same_however_the_trainings_progress(seed, workers):
    """From however many hosts and in whatever order, reports arrive in order of logical time."""
    bench = Bench(workers)
    heard = search(bench.executor, Player(bench, seed, bowl).play)
    assert heard == search(LogicalExecutor(8))
    bench.executor.close()


@pytest.mark.parametrize("seed", range(3))
def test_hosts_that_die_change_nothing_that_is_heard(seed, monkeypatch):
    """Trainings that start over on another host are reported once, in the same order."""
    monkeypatch.setattr("searchlab.executors.fleet._DEATHS", 99)
    bench = Bench(2)
    player, rounds = Player(bench, seed, bowl), count(1)

    def play():
        player.play()
        if next(rounds) % 8 == 0:
            next(host for host in bench.hosts if not host.killed and not host.ours.closed).die()

    heard = search(bench.executor, play)
    assert len(bench.hosts) >= 5
    assert heard == search(LogicalExecutor(8))
    bench.executor.close()


def test_a_report_waits_for_all_trials_that_may_have_an_earlier_one(bench):
    """A trial that runs ahead is held back until the slow one has reported as often."""
    bench.submit(job(0), job(1))
    bench.hosts[0].begin(0, 1)
    bench.hosts[0].report(1, 1, 2, 3, last=True)
    bench.hosts[0].end(1)
    assert bench.settle() == []
    assert bench.heard() == []
    bench.hosts[0].report(0, 1, 2)
    assert bench.settle() == []
    assert bench.heard() == [(0, 1), (1, 1), (0, 2), (1, 2)]


def test_a_trial_that_fails_ends_one_after_its_last_report(bench):
    """A FAIL takes the place of the next report, so that its place is known in advance."""
    bench.submit(job(0), job(1))
    bench.hosts[0].begin(0, 1)
    bench.hosts[0].report(1, 1)
    bench.hosts[0].end(1, failed(1))
    bench.hosts[0].report(0, 1)
    assert bench.settle() == []
    assert bench.heard() == [(0, 1), (1, 1)]
    bench.hosts[0].report(0, 2)
    assert [outcome.number for outcome in bench.settle()] == [1]
    assert bench.heard() == [(0, 1), (1, 1), (0, 2)]


def test_a_complete_trial_ends_with_its_last_report(bench):
    """After a report marked as the last, only smaller trials come before the outcome."""
    bench.submit(job(0), job(1))
    bench.hosts[0].begin(0, 1)
    bench.hosts[0].report(0, 1, last=True)
    bench.hosts[0].report(1, 1, last=True)
    bench.hosts[0].end(1)
    assert bench.settle() == []
    assert bench.heard() == [(0, 1)]
    bench.hosts[0].end(0)
    assert [outcome.number for outcome in bench.settle()] == [0, 1]


def test_an_outcome_ends_a_poll(bench):
    """The loop can ask for a new trial before anything after the outcome is delivered."""
    bench.submit(job(0, epochs=1), job(1))
    bench.hosts[0].begin(0, 1)
    bench.hosts[0].report(0, 1, last=True)
    bench.hosts[0].end(0)
    bench.hosts[0].report(1, 1, 2, 3)
    assert [outcome.number for outcome in bench.poll()] == [0]
    assert bench.heard() == [(0, 1)]
    bench.submit(job(2, start=1))
    assert bench.settle() == []
    assert bench.heard() == [(0, 1), (1, 1), (1, 2)], "trial 2's first report is before (1, 3)"


def test_a_poll_does_not_wait_when_something_can_be_delivered(bench):
    """The next poll delivers at once the outcome that the previous one held back."""
    bench.submit(job(0, epochs=1), job(1, epochs=1))
    bench.hosts[0].begin(0, 1)
    for number in (0, 1):
        bench.hosts[0].report(number, 1, last=True)
        bench.hosts[0].end(number)
    begun = time.monotonic()
    assert [outcome.number for _ in range(2) for outcome in bench.poll(60)] == [0, 1]
    assert time.monotonic() - begun < 30, "it has not waited"


# ---- decisions


@pytest.mark.parametrize("synchronous", [True, False])
def test_stop_ends_a_trial_at_the_report_that_it_answers(bench, synchronous):
    """Later reports of an asynchronous training are discarded, and so is its outcome."""
    bench.decide = lambda report: Decision.STOP if report.epoch == 2 else Decision.CONTINUE
    bench.submit(job(0, synchronous=synchronous))
    bench.hosts[0].begin(0)
    bench.hosts[0].report(0, 1, 2, 3, last=True)
    bench.hosts[0].end(0)
    (outcome,) = bench.settle()
    assert (outcome.state, outcome.value, outcome.epochs) == (TrialState.PRUNED, 2.0, 2)
    assert outcome.seconds > 0
    assert bench.heard() == [(0, 1), (0, 2)]
    assert bench.executor.idle


def test_a_host_forgets_what_was_stopped(bench):
    """The host is told to drop the trial; later messages do not count for a new attempt."""
    bench.decide = lambda _: Decision.STOP
    bench.submit(job(0))
    host = bench.hosts[0]
    host.begin(0)
    host.report(0, 1)
    assert len(bench.settle()) == 1
    assert host.told(Drop) == [Drop(0)]
    host.report(0, 2)
    host.end(0)
    bench.submit(job(0))
    assert bench.settle() == []
    assert bench.heard() == [(0, 1)]


def test_an_abandoned_trial_has_no_outcome_and_frees_its_place(bench):
    """After ABANDON the host is told to drop the trial, and no other trial waits for it."""
    bench.decide = lambda report: Decision.ABANDON if report.number == 0 else Decision.CONTINUE
    bench.submit(job(0), job(1, epochs=1))
    bench.hosts[0].begin(0, 1)
    bench.hosts[0].report(0, 1)
    bench.hosts[0].report(1, 1, last=True)
    bench.hosts[0].end(1)
    assert [outcome.number for outcome in bench.settle()] == [1]
    assert bench.hosts[0].told(Drop) == [Drop(0)]
    assert bench.executor.idle
    assert bench.executor.free == IN_FLIGHT


def test_a_synchronous_trial_goes_on_with_each_decision(bench):
    """After CONTINUE, only a synchronous trial's host is told how many reports are decided."""
    bench.submit(job(0, synchronous=True), job(1))
    bench.hosts[0].begin(0, 1)
    bench.hosts[0].report(0, 1)
    bench.hosts[0].report(1, 1)
    bench.settle()
    bench.hosts[0].report(0, 2)
    bench.settle()
    assert bench.hosts[0].told(Decided) == [Decided(0, 1), Decided(0, 2)]


def test_an_error_of_the_loop_is_the_loops(bench):
    """A journal that cannot be written raises its own error in the loop."""

    def decide(_):
        raise OSError("disk full")

    bench.decide = decide
    bench.submit(job(0))
    bench.hosts[0].begin(0)
    bench.hosts[0].report(0, 1)
    with pytest.raises(OSError, match="disk full"):
        bench.settle()


def test_a_hosts_own_time_is_kept(bench):
    """The seconds of an outcome are those measured by its host."""
    bench.submit(job(0, epochs=1))
    bench.hosts[0].begin(0)
    bench.hosts[0].report(0, 1, last=True)
    bench.hosts[0].end(0)
    assert bench.settle() == [complete(0)]


# ---- cancel


def test_a_cancelled_trial_is_dropped(bench):
    """It has no outcome, its pending reports are discarded, and the next trial is not held back."""
    bench.submit(job(0), job(1, epochs=1))
    bench.hosts[0].begin(0, 1)
    bench.hosts[0].report(1, 1, last=True)
    bench.hosts[0].end(1)
    assert bench.settle() == []
    bench.executor.cancel(0)
    assert [outcome.number for outcome in bench.settle()] == [1]
    assert bench.hosts[0].told(Drop) == [Drop(0)]
    assert not bench.hosts[0].killed
    assert bench.executor.idle


@pytest.mark.parametrize("noticed", [True, False])
def test_a_host_that_is_stuck_in_a_cancelled_factory_is_replaced(bench, noticed):
    """Its other trials start over on a new host, even if the factory's call went unreported."""
    bench.submit(job(0, synchronous=True), job(1))
    bench.hosts[0].begin(0)
    bench.hosts[0].report(0, 1)
    bench.settle()
    bench.hosts[0].say(Building(1))
    if noticed:
        bench.settle()
    bench.executor.cancel(1)
    bench.settle()
    assert bench.hosts[0].killed
    assert list(bench.hosts[1].jobs()) == [0]
    assert not bench.executor.idle


def test_cancelling_what_is_unknown_does_nothing(bench):
    """Cancelling is harmless for a trial that has just ended."""
    bench.executor.cancel(3)
    assert bench.executor.idle


# ---- trainings that cannot be fused


def test_a_declined_trial_is_trained_alone(bench):
    """Its outcome gives the reason; it does not hold back the others, nor they it."""
    bench.submit(job(0, epochs=2), job(1, epochs=1))
    bench.hosts[0].say(Building(0), Declined(0, "its layers are odd"))
    assert [outcome.number for outcome in bench.settle()] == [0]
    assert bench.heard() == [(0, 1), (0, 2)]
    bench.hosts[0].begin(1)
    bench.hosts[0].report(1, 1, last=True)
    bench.hosts[0].end(1)
    assert bench.settle() == [complete(1)]
    assert bench.executor.idle


def test_a_declined_trial_says_why(bench):
    """The outcome carries the reason whatever its state."""
    bench.decide = choose
    bench.submit(*(job(number) for number in range(3)))
    for number in range(3):
        bench.hosts[0].say(Building(number), Declined(number, f"reason {number}"))
    outcomes = bench.settle()
    assert {each.number: each.unfused for each in outcomes} == {
        number: f"reason {number}" for number in range(3)
    }
    assert TrialState.PRUNED in {each.state for each in outcomes}


def test_an_abandoned_declined_trial_frees_its_place(bench):
    """Until it is abandoned, it counts among the trials in flight."""
    bench.decide = lambda _: Decision.ABANDON
    bench.submit(job(0))
    bench.hosts[0].say(Building(0), Declined(0, "odd"))
    assert bench.executor.free == IN_FLIGHT - 1
    assert bench.settle() == []
    assert bench.executor.free == IN_FLIGHT
    assert bench.executor.idle


def test_a_cancelled_declined_trial_has_no_outcome(bench):
    """The executor that trains it cancels it."""
    bench.submit(job(0, epochs=5))
    bench.hosts[0].say(Building(0), Declined(0, "odd"))
    bench.poll()
    bench.executor.cancel(0)
    assert bench.settle() == []
    assert bench.executor.idle


def test_a_check_that_can_be_stacked_changes_nothing(bench):
    """Its outcome comes from its host, and the trials are fused."""
    bench.submit(job(0, kind=CheckJob))
    bench.hosts[0].say(Building(0))
    bench.hosts[0].end(0, Checked(0))
    assert bench.settle() == [Checked(0)]
    bench.submit(job(0))
    assert list(bench.hosts[0].jobs().values()) == [1]
    assert bench.executor.free == IN_FLIGHT - 1
    assert bench.alone == []


def test_a_study_whose_check_cannot_be_stacked_is_trained_alone(bench):
    """Its trials run in processes of their own, one per worker, and give the reason."""
    bench.submit(job(0, kind=CheckJob))
    bench.hosts[0].say(Building(0))
    bench.hosts[0].end(0, Checked(0, "it is odd"))
    assert bench.settle() == [Checked(0, "it is odd")]
    assert bench.hosts[0].killed
    assert bench.executor.free == 1
    bench.submit(job(0))
    assert bench.executor.free == 0
    assert [outcome.unfused for outcome in bench.settle()] == ["it is odd"]
    assert (bench.executor.free, bench.executor.idle, len(bench.hosts)) == (1, True, 1)
    bench.submit(job(1))
    bench.executor.cancel(1)
    assert bench.executor.idle


def test_a_check_that_fails_decides_nothing(bench):
    """Its failure is its outcome, and later trials may still be fused."""
    bench.submit(job(0, kind=CheckJob))
    bench.hosts[0].say(Building(0))
    failure = Checked.failed(0, Failure("ValueError", "no"))
    bench.hosts[0].end(0, failure)
    assert bench.settle() == [failure]
    assert bench.executor.free == IN_FLIGHT


@pytest.mark.parametrize("limits", [{"seconds": 9}, {"memory": "2GB"}])
def test_a_study_with_limits_is_never_fused(bench, limits):
    """The first job, check or trial, reveals the limits, and no host is started."""
    spec = study(training={"epochs": 9, "limits": limits})
    bench.submit(job(0, spec=spec))
    assert bench.executor.free == 0
    assert [outcome.unfused for outcome in bench.settle()] == [LIMITS]
    assert bench.hosts == []


def test_the_final_job_is_a_job_like_others(bench):
    """It goes to a host, and its outcome is passed on unchanged."""
    bench.submit(job(3, kind=FinalJob))
    bench.hosts[0].begin(3)
    bench.hosts[0].report(3, 1)
    made = Made(3, {"loss": 0.5}, 1, "best/model.keras")
    bench.hosts[0].end(3, made)
    assert bench.settle() == [made]


# ---- hosts


def test_jobs_go_to_the_host_with_the_fewest():
    """There are as many hosts as workers, but never more than there are jobs."""
    bench = Bench(2)
    bench.submit(job(0))
    assert len(bench.hosts) == 1
    bench.submit(job(1), job(2), job(3))
    assert [list(host.jobs()) for host in bench.hosts] == [[0, 2], [1, 3]]
    for number in (0, 2):
        bench.hosts[0].begin(number)
        bench.hosts[0].end(number)
    bench.settle()
    bench.submit(job(4))
    assert list(bench.hosts[0].jobs()) == [0, 2, 4]


def test_jobs_that_are_alike_share_a_host_once_none_is_idle():
    """Similar jobs share programs where that leaves no host with much less to do."""
    bench = Bench(3)
    bench.submit(*(job(number) for number in range(8, 14)))
    assert [list(host.jobs()) for host in bench.hosts] == [[8, 13], [9], [10, 11, 12]]


def test_an_idle_host_takes_over_what_a_busy_one_has_not_come_to():
    """It takes the job that would wait the longest for its program; the loop hears of it once."""
    bench = Bench(2)
    bench.submit(*(job(number, epochs=1) for number in range(6)))
    busy, idle = bench.hosts
    busy.build(0, 2, 4)
    old = busy.jobs()[4]
    idle.build(1, 3, 5)
    for number in (1, 3, 5):
        idle.begin(number)
        idle.report(number, 1, last=True)
        idle.end(number)
    bench.settle()
    assert list(idle.jobs()) == [1, 3, 5, 4]
    assert busy.told(Drop) == [Drop(old)]
    busy.say(Began(old), Ended(old, complete(4)))  # it had come to it before it heard of that
    for host, number in ((idle, 4), (busy, 0), (busy, 2)):
        host.begin(number)
        host.report(number, 1, last=True)
        host.end(number)
    assert sorted(outcome.number for outcome in bench.settle()) == list(range(6))
    assert sorted(bench.heard()) == [(number, 1) for number in range(6)]


def test_an_idle_host_takes_over_nothing_that_is_served_anyway():
    """Neither jobs that train or are being served nor jobs like them, and none in a factory."""
    bench = Bench(2)
    bench.submit(*(job(number) for number in (0, 1, 130, 2, 131, 3)))
    busy, idle = bench.hosts
    assert list(busy.jobs()) == [0, 130, 131]
    busy.begin(0)
    busy.build(130)
    busy.build(131)  # is like 130, whose program it gets
    for number in (1, 2, 3):
        idle.begin(number)
        idle.end(number)
    bench.settle()
    assert list(idle.jobs()) == [1, 2, 3]
    bench.submit(job(4), job(5))
    assert list(idle.jobs()) == [1, 2, 3, 4, 5]


def test_jobs_wait_while_no_host_can_be_started(bench):
    """A job whose only host has died goes to the next host to start."""
    bench.submit(job(0))
    bench.source.is_ready = False
    bench.hosts[0].die()
    bench.settle()
    bench.source.is_ready = True
    bench.settle()
    assert list(bench.hosts[1].jobs()) == [0]


def test_jobs_wait_for_the_fork_server(bench):
    """Until a process can be started, jobs are queued and can be cancelled."""
    bench.source.is_ready = False
    bench.submit(job(0), job(1))
    assert bench.settle() == []
    assert (bench.hosts, bench.executor.free) == ([], IN_FLIGHT - 2)
    bench.executor.cancel(0)
    bench.source.is_ready = True
    bench.poll()
    assert list(bench.hosts[0].jobs()) == [1]


def test_a_host_that_dies_in_a_factory_costs_only_that_trial(bench):
    """The trial whose model was being built fails with the cause of death; the others go on."""
    bench.submit(job(0, epochs=1), job(1), job(2))
    bench.hosts[0].begin(0)
    bench.hosts[0].say(Building(1))
    bench.hosts[0].die()
    assert bench.settle() == [], "trial 0 can still report before"
    assert list(bench.hosts[1].jobs()) == [0, 2]
    bench.hosts[1].begin(0)
    bench.hosts[1].report(0, 1, last=True)
    bench.hosts[1].end(0)
    outcomes = bench.settle()
    assert [outcome.number for outcome in outcomes] == [0, 1]
    assert outcomes[1].error == bench.hosts[0].failure
    assert outcomes[1].seconds > 0


def test_only_the_latest_factory_is_blamed(bench):
    """A trial whose model is built but whose program is pending starts over."""
    bench.submit(job(0), job(1))
    bench.hosts[0].say(Building(0), Building(1))
    bench.hosts[0].die(KILLED)
    bench.settle()
    assert list(bench.hosts[1].jobs()) == [0]
    bench.hosts[1].begin(0)
    bench.hosts[1].report(0, 1)
    assert [(each.number, each.error) for each in bench.settle()] == [(1, KILLED)]


def test_a_host_that_dies_with_nobody_to_blame_costs_nothing(bench):
    """All its trials start over, and their earlier reports are delivered and decided once."""
    bench.submit(job(0, epochs=2, synchronous=True), job(1, epochs=2))
    bench.hosts[0].begin(0, 1)
    bench.hosts[0].report(0, 1)
    bench.hosts[0].report(1, 1, 2)
    bench.settle()
    bench.hosts[0].die()
    assert bench.settle() == []
    host = bench.hosts[1]
    assert list(host.jobs()) == [0, 1]
    host.begin(0, 1)
    host.report(0, 1)
    host.report(1, 1, 2, last=True)
    bench.settle()
    assert host.told(Decided) == [Decided(2, 1)], "so that the host goes on"
    host.report(0, 2, last=True)
    for number in (0, 1):
        host.end(number)
    assert bench.settle() == [complete(0), complete(1)]
    assert bench.heard() == [(0, 1), (1, 1), (0, 2), (1, 2)]


def test_a_trial_whose_host_dies_twice_fails(bench):
    """It may be what kills the hosts; a trial that was on only one dead host starts over."""
    bench.submit(job(0))
    bench.hosts[0].begin(0)
    bench.hosts[0].die()
    bench.settle()
    bench.submit(job(1))
    bench.hosts[1].begin(0, 1)
    bench.hosts[1].die(KILLED)
    assert [(each.number, each.error) for each in bench.settle()] == [(0, KILLED)]
    assert list(bench.hosts[2].jobs()) == [1]


def test_a_stopped_trial_is_not_run_again(bench):
    """A STOP in answer to a report that was buffered when its host died still counts."""
    bench.decide = lambda report: Decision.STOP if report.number else Decision.CONTINUE
    bench.submit(job(0), job(1))
    bench.hosts[0].begin(0, 1)
    bench.hosts[0].report(1, 1)
    bench.hosts[0].report(0, 1)
    bench.hosts[0].die()
    assert [each.number for each in bench.settle()] == [1]
    bench.hosts[1].begin(0)
    assert bench.settle() == []
    assert not bench.executor.idle
    assert bench.executor.free == IN_FLIGHT - 1


def test_a_trial_that_is_declined_at_last_is_not_decided_on_twice(bench):
    """Reports already delivered from a dead host are skipped when the trial is trained alone."""
    bench.submit(job(0))
    bench.hosts[0].begin(0)
    bench.hosts[0].report(0, 1)
    bench.settle()
    bench.hosts[0].die()
    bench.settle()
    bench.hosts[1].say(Building(1), Declined(1, "odd"))
    assert [each.unfused for each in bench.settle()] == ["odd"]
    assert bench.heard() == [(0, 1), (0, 2), (0, 3)]


def test_a_worn_host_ends_after_its_last_trial(bench):
    """New jobs go to a new host with its own log; the old host remains until it is done."""
    bench.submit(job(0))
    bench.hosts[0].say(Building(0), Began(0), Worn())
    bench.settle()
    bench.submit(job(1))
    assert [list(host.jobs()) for host in bench.hosts] == [[0], [1]]
    assert bench.source.indices == [0, 1]
    assert not bench.hosts[0].killed
    bench.hosts[0].end(0)
    bench.hosts[1].begin(1)
    assert bench.settle() == [complete(0)]
    assert bench.hosts[0].killed
    assert not bench.hosts[1].killed


def test_a_host_that_does_not_read_does_not_hold_up_the_loop(bench):
    """Messages beyond a pipe's capacity are queued until the host returns from its factory."""
    big = SPEC.model_copy(update={"name": "x" * 30_000})
    jobs = [job(number, spec=big) for number in range(IN_FLIGHT)]
    bench.submit(*jobs)
    while len(bench.hosts[0].told(Submit)) < IN_FLIGHT:
        bench.poll()
    assert list(bench.hosts[0].jobs()) == list(range(IN_FLIGHT))
    assert bench.executor.free == 0


@pytest.mark.parametrize("declined", [True, False])
def test_close_ends_everything_and_may_be_called_twice(bench, declined):
    """No host or process is left, and nothing is in flight."""
    bench.submit(job(0), job(1))
    if declined:
        bench.hosts[0].say(Building(0), Declined(0, "odd"))
        bench.poll()
    for _ in range(2):
        bench.executor.close()
    assert all(host.killed for host in bench.hosts)
    assert all(each.closed for each in bench.alone)
    assert len(bench.alone) == declined
    assert not bench.source.open
    assert bench.executor.idle


def test_the_driver_imports_no_keras():
    """Only hosts train; the process of the loop stays small."""
    script = (
        "import sys, searchlab.executors.fused; print({'keras', 'tensorflow'} & {*sys.modules})"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout == "set()\n"
