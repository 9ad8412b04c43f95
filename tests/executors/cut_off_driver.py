"""Run trainings on an executor and write down all reports: `python cut_off_driver.py ray DIR`.

With `ray` it pauses in the middle until the file `go-on` exists.
"""

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.ray_cluster import until

from searchlab.core.trial import Decision
from searchlab.executors.cluster.executor import RayExecutor
from searchlab.executors.fused import FusedExecutor
from searchlab.testing.bench import PARAMS, Bench, collect


def main(kind: str, directory: Path) -> None:
    bench, heard = Bench(directory / kind), []
    make = RayExecutor if kind == "ray" else FusedExecutor
    executor = make(1, bench.directory)

    def decide(report):
        heard.append(report)
        if len(heard) == 60 and kind == "ray":
            used = sum(each.living("host") for each in executor._nodes._ready())
            (directory / "midway").write_text(f"{used} nodes")
            until((directory / "go-on").exists)
        return Decision.CONTINUE

    for number in range(6):
        job = bench.job(number, {**PARAMS, "learning_rate": 0.002 * (number + 1)})
        longer = replace(job.trial.suggestion, epochs=40)
        executor.submit(replace(job, trial=replace(job.trial, suggestion=longer)))
    outcomes = collect(executor, decide)[1]
    executor.close()
    same = [replace(outcomes[number], seconds=0) for number in sorted(outcomes)]
    (directory / f"{kind}.txt").write_text("\n".join(map(str, [*heard, *same])))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
