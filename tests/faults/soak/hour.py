"""Random faults for some time, over all backends and executors, with Keras trainings.

    python -m tests.faults.soak --minutes 60 --seed 0

Each study is run undisturbed first, and then again and again through faults at random moments. It
has to end with the same trials, values and points in MLflow, to the last bit. A study that does
not is kept for a look, with what happened to it. As root it fills disks, too; with Ray installed,
and asked for, it runs on a cluster. `--table` writes the counts to docs/faults.md.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from faults import table
from faults.disks import mounted
from faults.soak.kinds import KINDS
from faults.soak.study import BACKENDS, EXECUTORS, Case, Soaked
from support.finished import Finished
from support.mlflow_server import Server
from support.processes import THREADS
from support.ray_cluster import RayCluster, ray_cluster

from searchlab.fused.kept import keep_compiled

_FAULTS = (3, 6)  # of a study
_SIZE = "256m"  # of its file system


@dataclass
class Counts:
    """How often each fault has happened, and to how many studies, with which end.

    Attributes:
        faults: number of faults by name.
        studies: number of studies by case.
        losses: number of studies that did not end as they should.
    """

    faults: Counter[str] = field(default_factory=Counter)
    studies: Counter[str] = field(default_factory=Counter)
    losses: int = 0

    def lines(self) -> Iterator[str]:
        """Yield the counts, a line each."""
        for name, number in [*sorted(self.studies.items()), *sorted(self.faults.items())]:
            yield f"{number:5}  {name}"
        yield f"{self.faults.total()} faults, {self.studies.total()} studies, {self.losses} losses"


@dataclass
class Soak:
    """A soak.

    Attributes:
        directory: where studies are, and stay if something was lost.
        seed: the seed of all choices.
        pause: seconds for which a process is stopped.
        cluster: the Ray cluster, if there is one.
    """

    directory: Path
    seed: int
    pause: float
    cluster: RayCluster | None = None
    counts: Counts = field(default_factory=Counts)
    _whole: dict[Case, tuple[Any, Any]] = field(default_factory=dict)

    def undisturbed(self, case: Case) -> tuple[Any, Any]:
        """Run a case without faults, once; return its pictures."""
        if case not in self._whole:
            cwd = self.directory / f"undisturbed {case}"
            cwd.mkdir()
            study = Soaked(cwd, case, random.Random(0), cluster=self._for(case))  # noqa: S311
            study.start()
            self._whole[case] = _pictures(study.finish(), case)
        return self._whole[case]

    def disturb(self, case: Case, number: int) -> None:
        """Run a case through faults, and count them, and what was lost."""
        whole = self.undisturbed(case)
        generator = random.Random(f"{self.seed} {number}")  # noqa: S311 - moments, not secrets
        with self._study(case, number, generator) as study:
            self.counts.studies[str(case)] += 1
            try:
                study.start()
                self._faults(study)
                finished = study.finish()
                assert _pictures(finished, case) == whole, "ends otherwise"
                half = [each.name for each in study.paths.directory.glob(".*-*")]
                assert not half, f"half written: {half}"
            except Exception:  # a loss is told, and the next study is run
                self.counts.losses += 1
                study.kill()
                study.save(self.directory / f"lost-{number}")
                print(
                    f"LOST {number}: {case}: {'; '.join(study.story)}\n{traceback.format_exc()}",
                    flush=True,
                )
            else:
                print(f"{number}: {case}: {'; '.join(study.story)}", flush=True)

    def _faults(self, study: Soaked) -> None:
        for _ in range(study.random.randint(*_FAULTS)):
            if not study.wait():
                return
            for name in study.random.sample(sorted(KINDS), len(KINDS)):
                if _happens(name, study):
                    study.story.append(name)
                    self.counts.faults[name] += 1
                    break

    @contextmanager
    def _study(self, case: Case, number: int, generator: random.Random) -> Iterator[Soaked]:
        cwd = self.directory / str(number)
        cwd.mkdir()
        with ExitStack() as stack:
            full = os.geteuid() == 0
            if full:
                stack.enter_context(mounted(cwd, "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs"))
            server = Server(cwd) if generator.random() < 0.5 else None
            if server is not None:
                stack.callback(server.kill)
            yield Soaked(
                cwd,
                case,
                generator,
                pause=self.pause,
                full=full,
                server=server,
                cluster=self._for(case),
            )
        shutil.rmtree(cwd, ignore_errors=True)

    def _for(self, case: Case) -> RayCluster | None:
        return self.cluster if case.executor == "ray" else None


def _happens(name: str, study: Soaked) -> bool:
    """Have a fault happen; return False if it cannot happen now, or the study has just ended."""
    try:
        return study.runs and KINDS[name](study)
    except psutil.NoSuchProcess:
        return False


def _pictures(finished: Finished, case: Case) -> tuple[Any, Any]:
    finished.check(case.trials, case.open)
    return finished.picture(), finished.mlflow_picture()


def soak(seconds: float, seed: int, pause: float, cases: Sequence[Case], directory: Path) -> Counts:
    """Run studies through faults, each case in turn, until some seconds have passed.

    Args:
        seconds: after which no further study begins; each case is begun once at least.
        seed: the seed of all choices; moments still depend on the machine.
        pause: seconds for which a process is stopped.
        cases: the cases.
        directory: where studies are, and stay if something was lost.
    """
    end = time.monotonic() + seconds
    with ExitStack() as stack:
        running = Soak(directory, seed, pause)
        if any(case.executor == "ray" for case in cases):
            running.cluster = stack.enter_context(ray_cluster())
        for number, case in enumerate(itertools.cycle(cases)):
            if number >= len(cases) and time.monotonic() > end:
                break
            running.disturb(case, number)
    return running.counts


def main() -> int:
    """Run from the command line; return 1 if something was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pause", type=float, default=20, help="seconds of a stopped process")
    parser.add_argument("--executors", default=",".join(EXECUTORS))
    parser.add_argument("--backends", default=",".join(BACKENDS))
    parser.add_argument("--table", action="store_true", help="write the counts to docs/faults.md")
    chosen = parser.parse_args()
    for name, value in THREADS.items():
        os.environ.setdefault(name, value)
    keep_compiled(threads=1)
    names = itertools.product(chosen.executors.split(","), chosen.backends.split(","))
    cases = [Case(backend, executor) for executor, backend in names]
    directory = Path(tempfile.mkdtemp(prefix="soak-"))
    counts = soak(60 * chosen.minutes, chosen.seed, chosen.pause, cases, directory)
    print(*counts.lines(), sep="\n")
    if counts.losses:
        print(f"what was lost is in {directory}")
    else:
        shutil.rmtree(directory)
    if chosen.table:
        row = f"{table.SOAK} for {chosen.minutes:g} minutes, backends x executors: {len(cases)}"
        table.write({row: (counts.faults.total(), counts.losses)})
    return 1 if counts.losses else 0
