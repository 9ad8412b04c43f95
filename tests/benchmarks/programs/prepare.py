"""Prepare a CSV file for a study, or only read it with pandas; print the seconds and the memory.

python -m tests.benchmarks.programs.prepare FILE searchlab|pandas
"""

import json
import resource
import sys
import time
from pathlib import Path


def main(file: Path, how: str) -> None:
    """Print a JSON object: the time, and the peak of resident memory before and after, in bytes."""
    import pandas as pd

    from searchlab.data.prepare import prepare
    from searchlab.study.spec import StudySpec

    spec = StudySpec.from_dict(
        {
            "name": "data",
            "data": {"path": file.name, "target": "y"},
            "space": {"n_neurons": {"int": [1, 9]}},
        }
    )
    before, start = _peak(), time.perf_counter()
    if how == "pandas":
        pd.read_csv(file)
    else:
        prepare(spec, file.parent, file.parent / "data")
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "imports": before, "peak": _peak()}))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2])
