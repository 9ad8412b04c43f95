"""Hosts of fused trainings without a process: a test scripts their messages over a real pipe."""

from __future__ import annotations

import random
from multiprocessing import Pipe

from searchlab.core.trial import (
    Decision,
    Failure,
    FailureKind,
    Outcome,
    Report,
    Suggestion,
    Trial,
    TrialState,
)
from searchlab.executors.fused import FusedExecutor
from searchlab.fused.messages import Began, Building, Built, Drop, Ended, Epoch, Submit
from searchlab.testing.doubles import TrivialExecutor, as_job, study
from searchlab.training.job import Job, Result, TrialJob

SPEC = study()
METRIC = SPEC.objective.metric


def job(number=0, *, start=0, epochs=3, kind=TrialJob, spec=SPEC, **changes) -> Job:
    """Return a job whose paths do not exist."""
    params = {"n_hidden": 1, "n_neurons": 1 + number, "learning_rate": 1e-2}
    trial = Trial(number, Suggestion(params, epochs=epochs), seed=7)
    paths = {"base": None, "data": None, "directory": None}
    job = TrialJob(number=number, trial=trial, spec=spec, start=start, **paths)
    return as_job(kind, job, **changes)


def complete(number: int, **changes) -> Outcome:
    return Outcome(number, TrialState.COMPLETE, value=1.0, seconds=5.0, **changes)


class ScriptedHost:
    """One host: a test reads the messages sent to it and scripts its answers."""

    def __init__(self) -> None:
        self.connection, self.ours = Pipe()
        self.heard: list = []
        self.killed = False
        self.failure = Failure("WorkerDied", "exit code 3", kind=FailureKind.WORKER_DIED)

    def kill(self) -> None:
        self.killed = True
        self.connection.close()

    def death(self) -> Failure:
        self.kill()
        return self.failure

    def read(self) -> list:
        """Return all messages sent to the host so far."""
        while not self.ours.closed and self.ours.poll():
            try:
                self.heard.append(self.ours.recv())
            except EOFError:
                break
        return self.heard

    def jobs(self) -> dict[int, int]:
        """Return the trials submitted to the host, with the ids of their latest submissions."""
        return {each.job.number: each.id for each in self.read() if isinstance(each, Submit)}

    def told(self, kind: type) -> list:
        """Return the messages of one kind that were sent to the host."""
        return [each for each in self.read() if isinstance(each, kind)]

    def say(self, *messages) -> None:
        for message in messages:
            self.ours.send(message)

    def begin(self, *numbers: int) -> None:
        """Build the models of these trials, one after another."""
        for number in numbers:
            self.say(Building(self.jobs()[number]), Began(self.jobs()[number]))

    def build(self, *numbers: int) -> None:
        """Build the models of these trials, whose programs are still to be made."""
        for number in numbers:
            self.say(Building(self.jobs()[number]), Built(self.jobs()[number]))

    def report(self, number: int, *epochs: int, last: bool = False) -> None:
        """Report these epochs of a trial; `last` marks the final one."""
        for epoch in epochs:
            report = Report(number, 0, epoch, {METRIC: float(epoch)})
            self.say(Epoch(self.jobs()[number], report, last and epoch == epochs[-1]))

    def end(self, number: int, result: Result | None = None) -> None:
        self.say(Ended(self.jobs()[number], result or complete(number)))

    def die(self, failure: Failure | None = None) -> None:
        self.failure = failure or self.failure
        self.read()
        self.ours.close()


class ScriptedHosts:
    """A factory of scripted hosts."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.hosts: list[ScriptedHost] = []
        self.indices: list[int] = []
        self.open = True
        self.is_ready = True

    def ready(self, timeout: float) -> bool:
        return self.is_ready

    def start(self, index: int) -> ScriptedHost:
        self.hosts.append(ScriptedHost())
        self.indices.append(index)
        return self.hosts[-1]

    def close(self) -> None:
        self.open = False


class Alone(TrivialExecutor):
    """A stand-in for the process executor; runs a formula."""

    closed = False
    connections = ()

    def close(self) -> None:
        super().close()
        self.closed = True


class Bench:
    """A fused executor with its scripted hosts, and the reports that the loop has received."""

    def __init__(self, workers: int = 1) -> None:
        self.source = ScriptedHosts(workers)
        self.alone: list[Alone] = []
        self.executor = FusedExecutor(workers, None, self.source, self._alone)
        self.reports: list[Report] = []
        self.decide = lambda _: Decision.CONTINUE

    def _alone(self, workers, _directory):
        self.alone.append(Alone(workers))
        return self.alone[-1]

    @property
    def hosts(self) -> list[ScriptedHost]:
        return self.source.hosts

    def submit(self, *jobs: Job) -> None:
        for each in jobs:
            self.executor.submit(each)

    def poll(self, timeout: float = 0.0) -> list[Result]:
        def answer(report):
            self.reports.append(report)
            return self.decide(report)

        return self.executor.poll(answer, timeout)

    def settle(self, polls: int = 20) -> list[Result]:
        """Poll until the hosts' messages so far have no further effect."""
        return [outcome for _ in range(polls) for outcome in self.poll()]

    def heard(self) -> list[tuple[int, int]]:
        """Return the trial and epoch of each report so far."""
        return [(report.number, report.epoch) for report in self.reports]


class Player:
    """A player of hosts whose trainings progress in a random order.

    The metric of a trial's n-th report comes from `value`, so that all hosts agree on it.
    """

    def __init__(self, bench: Bench, seed: int, value) -> None:
        self._bench, self._value = bench, value
        self._random = random.Random(seed)  # noqa: S311 - not for secrets
        self._done: dict[int, int] = {}
        self._over: set[int] = set()

    def play(self, steps: int = 5) -> None:
        """Advance some trainings by one epoch each."""
        for _ in range(steps):
            open_ = [pair for host in self._bench.hosts for pair in self._open(host)]
            if open_:
                self._step(*self._random.choice(open_))

    def _open(self, host: ScriptedHost) -> list:
        if host.killed or host.ours.closed:
            return []
        self._over |= {each.id for each in host.told(Drop)}
        return [(host, each) for each in host.told(Submit) if each.id not in self._over]

    def _step(self, host: ScriptedHost, submit: Submit) -> None:
        trial = submit.job.trial
        if submit.id not in self._done:
            self._done[submit.id] = 0
            host.say(Building(submit.id), Began(submit.id))
            return
        if self._done[submit.id] == trial.suggestion.epochs:
            value = self._value(trial, trial.suggestion.epochs)
            outcome = Outcome(
                trial.number,
                TrialState.COMPLETE,
                value,
                {METRIC: value},
                (value,),
                epochs=trial.suggestion.epochs,
            )
            host.say(Ended(submit.id, outcome))
            self._over.add(submit.id)
            return
        epoch = self._done[submit.id] = self._done[submit.id] + 1
        report = Report(trial.number, 0, epoch, {METRIC: self._value(trial, epoch)})
        host.say(Epoch(submit.id, report, epoch == trial.suggestion.epochs))
