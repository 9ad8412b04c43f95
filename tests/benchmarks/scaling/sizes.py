"""Costs of very long studies: to resume, go on, list, show, report, and to send to MLflow.

Their journals are made up: the searches themselves would take days. The params are those that the
backend draws (randomized, Hyperband), or any (TPE, whose state is then that of a sampler which has
seen them).
Each row is a process of its own, so that its memory is that of this task alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil

from searchlab.backends.base import Backend, Problem, Resumable
from searchlab.core.domains import Int, Params
from searchlab.core.garbage import no_collection
from searchlab.core.interrupt import Interrupt
from searchlab.core.space import SearchSpace
from searchlab.core.state import StudyState
from searchlab.core.trial import Outcome, Report, Suggestion, Trial, TrialState
from searchlab.engine import plugins, snapshots
from searchlab.engine.jobs import Jobs
from searchlab.engine.loop import Search
from searchlab.engine.recorder import Recorder
from searchlab.engine.replay import Answers
from searchlab.engine.snapshots import Snapshots, past
from searchlab.executors.fused import FusedExecutor
from searchlab.journal.events import Asked, Entry, Reported, Resumed, Started, Stopped, Told
from searchlab.journal.journal import Journal, encoded, read_journal
from searchlab.journal.layout import StudyLayout, study_layout
from searchlab.journal.record import StudyRecord
from searchlab.report.brief import Briefs, keep_brief
from searchlab.report.html.report import report_page
from searchlab.study.spec import StudySpec
from searchlab.tracking.base import Trackers
from searchlab.tracking.mlflow.address import resolve_uri
from searchlab.tracking.mlflow.tracker import MlflowTracker

from .. import studies
from .driver import curve
from .workers import Trainings, Workers

NAME = "long"
_NOTE = "run.txt"
_FEW = 2_000  # trials that are sent through a server
_UNKEPT = 200  # lines that a killed process has written since it kept its study in brief


@dataclass(frozen=True)
class Size:
    """A long study.

    Attributes:
        search: of the study file, but for its trials.
        trials: how many there are.
        evaluation: of the study file.
        epochs: that each training takes.
    """

    search: Mapping[str, Any]
    trials: int
    evaluation: Mapping[str, Any]
    epochs: int

    @property
    def spec(self) -> StudySpec:
        """The study: the book's, with these settings."""
        changes = {
            "name": NAME,
            "search": {**self.search, "trials": self.trials + 10},
            "evaluation": self.evaluation,
            "training.epochs": self.epochs,
        }
        return StudySpec.from_dict(studies.book(changes, "fused"))


TPE = Size({"backend": "optuna"}, 20_000, {"holdout": 0.2}, 10)
RANDOMIZED = Size({"backend": "randomized"}, 100_000, {"folds": 3}, 1)

HYPERBAND = Size({"backend": "hyperband"}, 20_000, {"holdout": 0.2}, 81)

SIZES = {
    "20,000 trials, TPE": TPE,
    "20,000 trials, Hyperband": HYPERBAND,
    "100,000 x 3 fits, randomized": RANDOMIZED,
}
"""The studies that are measured, by their names in the table."""


@dataclass(frozen=True)
class Cost:
    """Costs of a task.

    Attributes:
        study: the study.
        task: the task.
        seconds: wall time.
        processor: seconds of the processor.
        memory: the most resident memory, in MB.
        note: anything else that was measured.
    """

    study: str
    task: str
    seconds: float
    processor: float
    memory: float
    note: str = ""


def measure(directory: Path, sizes: Mapping[str, Size]) -> Iterator[Cost]:
    """Measure all tasks on each study, each in a new process in a directory of its own."""
    for name, size in sizes.items():
        cwd = directory / name
        paths = study_layout(NAME, cwd)
        paths.directory.mkdir(parents=True)
        write(size, paths)
        yield _own("resume", name, cwd)
        for task in (["list"], ["list", "--json"], ["show", NAME], ["show", NAME, "--json"]):
            yield _task(name, " ".join(task), ["-m", "searchlab", *task], cwd)
        page = cwd / f"{NAME}.html"
        cost = _task(name, "report", ["-m", "searchlab", "report", NAME], cwd)
        yield _noted(cost, f"{page.stat().st_size / 1e6:.1f} MB")
        yield from _synced(name, size, cwd)
        yield _noted(_own("run_on", name, cwd), (cwd / _NOTE).read_text())
        yield from _sent(name, replace(size, trials=_FEW), directory / f"{name}, few")
    yield _task("none", "import tensorflow", ["-c", "import tensorflow"], directory)


def _own(task: str, study: str, cwd: Path) -> Cost:
    """Measure a function of this module."""
    directory = study_layout(NAME, cwd).directory
    return _task(study, task.replace("_", " "), ["-m", __name__, task, str(directory)], cwd)


def _sent(study: str, size: Size, cwd: Path) -> Iterator[Cost]:
    """Measure how long trials take through an MLflow server, one call after the other."""
    from tests.support.mlflow_server import Server  # the benchmarks' tests know `tests` by no name

    paths = study_layout(NAME, cwd)
    paths.directory.mkdir(parents=True)
    write(size, paths)
    server = Server(cwd)
    try:
        task = ["-m", "searchlab", "sync", NAME, "--tracking-uri", server.uri]
        cost = _task(study, f"sync {size.trials:,} through a server", task, cwd)
    finally:
        server.kill()
    yield _noted(cost, f"{size.trials / cost.seconds:.0f} trials/s")


def _synced(study: str, size: Size, cwd: Path) -> Iterator[Cost]:
    """Measure how long a study takes to SQLite, and to PostgreSQL if there is one here."""
    from tests.support import postgresql  # the benchmarks' tests know `tests` by no name

    def cost(task: str, *options: str) -> Cost:
        cost = _task(study, task, ["-m", "searchlab", "sync", NAME, *options], cwd)
        return _noted(cost, f"{size.trials / cost.seconds:.0f} trials/s")

    yield cost("sync")
    if (found := postgresql.programs()) is not None:
        with postgresql.server(found) as address:
            yield cost("sync to PostgreSQL", "--tracking-uri", address)


def _noted(cost: Cost, note: str) -> Cost:
    return Cost(cost.study, cost.task, cost.seconds, cost.processor, cost.memory, note)


def _task(study: str, task: str, arguments: Sequence[str], cwd: Path) -> Cost:
    """Run Python in a new process, and take what the kernel says of it."""
    program = (
        "import json, resource, subprocess, sys, time; begun = time.perf_counter();"
        "code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode;"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(json.dumps([code, time.perf_counter() - begun, used.ru_utime + used.ru_stime,"
        " used.ru_maxrss / 1000]))"
    )
    command = [sys.executable, "-c", program, sys.executable, *arguments]
    root = Path(__file__).parents[3]
    ran = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=True, env=_environment(root)
    )
    print(task, ran.stderr.strip()[-200:], file=sys.stderr, flush=True)
    code, seconds, processor, memory = json.loads(ran.stdout)
    if code:
        raise RuntimeError(f"{task}: {ran.stderr[-2000:]}")
    return Cost(study, task, seconds, processor, memory)


def _environment(root: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(root)}


def write(size: Size, paths: StudyLayout) -> None:
    """Write the journal of a study that was interrupted after these trials, and a snapshot."""
    spec = size.spec
    backend = plugins.backend(spec.search.backend)(Problem.of(spec, "regression"))
    events = _events(spec, size, backend)
    content = encoded(Entry(event, 0.01 * n) for n, event in enumerate(events))
    lines = content.splitlines(keepends=True)
    paths.journal.write_bytes(b"".join(lines[:-_UNKEPT]))
    keep_brief(StudyRecord(read_journal(paths.journal)), paths)
    paths.journal.write_bytes(content)
    assert isinstance(backend, Resumable)
    if spec.search.backend != "hyperband":  # whose search was driven
        state = backend.snapshot()
        assert state is not None
        backend.restore(past(list(read_journal(paths.journal))), state)
    with Journal(paths.journal) as journal:
        Snapshots(paths, journal, backend, Answers(backend)).write()
    backend.close()


def _events(spec: StudySpec, size: Size, backend: Backend) -> Iterator[Any]:
    draw = random.Random(7)  # noqa: S311 - values, not secrets
    yield Started(uuid4().hex, spec.as_dict(), "", file="long.yaml", data={"name": "california"})
    yield Resumed(spec.search.trials, None, "fused", 2)
    folds = spec.evaluation.trainings
    driven = spec.search.backend == "hyperband"
    points = _points(spec, draw)
    for number in range(size.trials):
        suggestion = backend.ask(number) if driven else Suggestion(next(points), size.epochs)
        assert suggestion is not None  # no trial is open
        yield Asked(Trial(number, suggestion, spec.search.seed))
        level = draw.random()
        for fold in range(folds):
            for epoch in range(suggestion.initial_epoch + 1, suggestion.epochs + 1):
                metrics = {"loss": level + 0.9 / epoch, "val_loss": level + 1 / epoch}
                yield Reported(Report(number, fold, epoch, metrics))
        scores = tuple(level + draw.random() / 100 for _ in range(folds))
        value = sum(scores) / folds
        epochs = (suggestion.epochs - suggestion.initial_epoch) * folds
        outcome = Outcome(
            number, TrialState.COMPLETE, value, {"val_loss": value}, scores, epochs, 0.5
        )
        yield Told(outcome)
        if driven:
            backend.tell(outcome)
    yield Stopped(StudyState.INTERRUPTED, 3600.0)


def _points(spec: StudySpec, draw: random.Random) -> Iterator[Params]:
    """Yield the points that the backend draws, or for TPE any."""
    space: SearchSpace = spec.search_space
    if spec.search.backend == "randomized":
        from searchlab.backends.randomized import RandomizedBackend

        backend = RandomizedBackend(Problem.of(spec, "regression"))
        yield from (each.params for each in backend.suggestions())
    while True:
        yield {
            name: draw.randint(domain.low, domain.high)
            if isinstance(domain, Int)
            else draw.uniform(domain.low, domain.high)  # type: ignore[union-attr]
            for name, domain in space
        }


@dataclass(frozen=True)
class _Resumed:
    """A study that a process has taken up."""

    entries: list[Entry]
    record: StudyRecord
    backend: Backend
    answers: Answers


def _take_up(paths: StudyLayout) -> _Resumed:
    """Do what `run` does with the journal before the first trial."""
    with no_collection():
        entries = list(read_journal(paths.journal))
        record = StudyRecord(entries)
    begun = time.perf_counter()
    with no_collection():
        backend = plugins.backend(record.spec.search.backend)(Problem.of(record.spec, "regression"))
        made = time.perf_counter()
        answers = snapshots.resume(backend, entries, paths)
    took = f"restored in {time.perf_counter() - made:.1f} s"
    print(f"the library was imported in {made - begun:.1f} s, the search {took}", file=sys.stderr)
    return _Resumed(entries, record, backend, answers)


def resume(directory: Path) -> None:
    """Take up a study, and ask for its next trial."""
    study = _take_up(StudyLayout(directory))
    if study.backend.ask(len(study.record.trials)) is None:
        raise RuntimeError("the backend has no further trial")
    study.backend.close()


def run_on(directory: Path) -> None:
    """Take up a study, and train its last trials with simulated workers; MLflow has the others."""
    paths, cwd = StudyLayout(directory), directory.parents[1]
    study = _take_up(paths)
    record, spec = study.record, study.record.spec
    mlflow = MlflowTracker(resolve_uri(None, cwd), directory, 600.0, render=report_page)
    executor = FusedExecutor(2, directory, Workers(2, Trainings(0.01, lambda _: 3, curve)))
    with contextlib.ExitStack() as stack:
        journal = stack.enter_context(Journal(paths.journal))
        kept = [Snapshots(paths, journal, study.backend, study.answers), Briefs(record, paths)]
        tracker = Trackers([mlflow, *kept])
        for each in (study.backend, executor, tracker):
            stack.enter_context(contextlib.closing(each))
        tracker.replay(study.entries)
        study.entries.clear()
        recorder = Recorder(journal, record, tracker)
        recorder(Resumed(spec.search.trials, None, "fused", 2))
        jobs = Jobs(spec, directory, directory)
        Search(jobs, study.backend, study.answers, executor, recorder, Interrupt()).run()
        begun = time.perf_counter()
        command = [sys.executable, "-m", "searchlab", "list"]
        subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL)
        listed = time.perf_counter() - begun
        while mlflow.pending:
            time.sleep(0.1)
        memory = psutil.Process().memory_full_info()
    (cwd / _NOTE).write_text(
        f"at its end {memory.rss / 1e6:.0f} MB resident, {memory.uss / 1e6:.0f} MB its own; "
        f"`list` meanwhile {listed:.1f} s"
    )


if __name__ == "__main__":
    {"resume": resume, "run_on": run_on}[sys.argv[1]](Path(sys.argv[2]))
