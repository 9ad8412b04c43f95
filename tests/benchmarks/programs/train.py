"""Trains trials with a host of fused programs and nothing around it; prints what it took.

python -m tests.benchmarks.programs.train STUDY.yaml TRIALS.json
"""

from __future__ import annotations

import json
import math
import os
import queue
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from searchlab.core.quiet import quiet
from searchlab.core.trial import Suggestion, Trial
from searchlab.data.prepare import prepare
from searchlab.data.prepared import open_data
from searchlab.engine.jobs import Jobs
from searchlab.executors.fused import IN_FLIGHT
from searchlab.fused.messages import Declined, Ended, FromHost, Submit
from searchlab.study.file import load_study
from searchlab.training.job import Job, Result


class Training:
    """A host, the jobs that it has, and the outcomes that it has sent.

    Attributes:
        outcomes: by number.
    """

    def __init__(self, lanes: int) -> None:
        from searchlab.fused.host import Host

        self.outcomes: dict[int, Result] = {}
        self._said: queue.SimpleQueue[FromHost] = queue.SimpleQueue()
        self._host = Host(lanes, self._said.put)

    def run(self, jobs: list[Job]) -> float:
        """Run jobs to their outcomes; returns the seconds that it took."""
        start = time.perf_counter()
        waiting = deque(enumerate(jobs))
        self.outcomes.clear()
        while len(self.outcomes) < len(jobs):
            while waiting and len(jobs) - len(waiting) - len(self.outcomes) < IN_FLIGHT:
                self._host.receive(Submit(*waiting.popleft()))
            if self._host.pending:
                self._host.build()
            while not (self._host.pending and self._said.empty()):
                if self._ended(self._said.get()):
                    break
        return time.perf_counter() - start

    def _ended(self, message: FromHost) -> bool:
        if isinstance(message, Declined):
            raise SystemExit(f"not trained in a fused program: {message}")
        if isinstance(message, Ended):
            self.outcomes[message.result.number] = message.result
        return isinstance(message, Ended)


def main(file: Path, given: Path) -> dict[str, Any]:
    """Trains; returns the seconds, the model-epochs of each trial, the batches of an epoch."""
    lanes = os.cpu_count() or 1
    with quiet():
        import tensorflow as tf
    tf.config.threading.set_intra_op_parallelism_threads(lanes)
    tf.config.threading.set_inter_op_parallelism_threads(lanes)

    spec = load_study(file).spec
    base, directory = file.resolve().parent, Path.cwd() / "home"
    data = directory / "data"
    directory.mkdir()
    prepare(spec, base, data)
    fit_rows = len(open_data(data).folds[0][0])
    trials = [
        Trial(**{**values, "suggestion": Suggestion(**values["suggestion"])})
        for values in json.loads(given.read_text())
    ]
    make, training = Jobs(spec, base, directory), Training(lanes)
    training.run([make.check()])  # a study begins with it too
    seconds = training.run([make.trial(trial) for trial in trials])
    epochs = [training.outcomes[trial.number].epochs for trial in trials]
    return {
        "seconds": seconds,
        "epochs": epochs,
        "steps": math.ceil(fit_rows / spec.training.batch_size),
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))
    sys.stdout.flush()
    os._exit(0)  # lanes may still be waiting for work
