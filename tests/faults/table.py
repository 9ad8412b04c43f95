"""Run the fault tests and write their counts to docs/faults.md.

    python tests/faults/table.py
    python tests/faults/table.py "full disk" cluster   # only faults whose names have one of these

A test counts as one case unless it records a number (`record_property("cases", n)`); a failed test
counts as one loss unless it records a number (`record_property("losses", n)`).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- faults -->", "<!-- /faults -->"
SOAK = "random faults"
"""The beginning of the name of a soak's row; the latest one is kept."""

HEAD = ("| fault | cases | losses |", "|---|---:|---:|")

_KILLS = "tests/faults/test_kills.py"
_ALL = "not cluster"  # the last tier, too


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        name: description of the fault.
        files: the test files.
        names: pytest's `-k` expression to select tests in them, or "" for all.
        marks: pytest's `-m` expression.
    """

    name: str
    files: tuple[str, ...]
    names: str = ""
    marks: str = _ALL


FAULTS = [
    *(
        Fault(
            f"kill -9 of the driver at random moments, {backend}",
            (_KILLS,),
            f"random_moments and {backend}",
        )
        for backend in ("randomized", "hyperband", "optuna")
    ),
    Fault("kill -9 of the driver between two steps", (_KILLS,), "between or database"),
    Fault(
        "kill -9 of driver and workers, Keras trainings, whole program",
        ("tests/faults/test_real_kills.py",),
    ),
    Fault(
        "kill -9 of a worker in mid-trial",
        ("tests/faults/test_killed_workers.py",),
    ),
    Fault(
        "trials that raise, hang, diverge, crash, outgrow their memory",
        ("tests/executors/test_limits.py", "tests/engine/test_failures.py"),
    ),
    Fault("Ctrl-C and SIGTERM, once and twice", ("tests/cli/test_signals.py",)),
    Fault(
        "MLflow away, hanging or killed",
        ("tests/faults/test_outage.py",),
        "not (deleted or removed or empty)",
    ),
    Fault(
        "runs, experiment or database of MLflow deleted in mid-study",
        ("tests/faults/test_outage.py",),
        "deleted or removed or empty",
    ),
    Fault(
        "disk full or read-only, journal or models damaged",
        ("tests/faults/test_disk.py", "tests/faults/test_model_files.py"),
    ),
    Fault(
        "checkpoints and models gone, empty, altered or mixed up",
        ("tests/faults/test_lost_files.py",),
    ),
    Fault("power cuts after any event", ("tests/faults/test_power_cuts.py",)),
    Fault(
        "a full disk on a cluster's node, and jobs that a node loses",
        ("tests/executors/test_ledger.py", "tests/executors/test_ray_disk.py"),
        marks="not long",
    ),
    Fault(
        "refits and baselines on each executor, beside Keras' and scikit-learn's own scores",
        ("tests/executors/test_executors.py", "tests/executors/test_ray.py"),
        "refit or baseline_scores",
        "not long",
    ),
    Fault("files sent to a cluster that it must not get", ("tests/factories/test_own_files.py",)),
    Fault("two processes on one study", ("tests/faults/test_locks.py",)),
    Fault("a journal that is gone from its study", ("tests/faults/test_remains.py",)),
    Fault(
        "pauses after a kill, and a clock that is set, charged to the budget",
        ("tests/journal/test_record.py",),
    ),
    Fault("files below .searchlab/ and in the cache, damaged", ("tests/faults/test_files.py",)),
    Fault("texts read as markup, formulas or formats", ("tests/faults/test_foreign_text.py",)),
    Fault(
        "processes and temporary files after kill -9, logs without an end",
        (
            "tests/core/test_children.py",
            "tests/core/test_scratch.py",
            "tests/core/test_logs.py",
            "tests/tracking/test_ui.py",
        ),
    ),
    Fault("bad study files", ("tests/faults/test_bad_studies.py",)),
    Fault(
        "bad data",
        ("tests/data/test_load.py", "tests/faults/test_bad_data.py"),
        "refuse or bad_data",
    ),
    Fault("secrets in logs, runs, files and errors", ("tests/faults/test_secrets.py",)),
    Fault("models in MLflow that were changed, or bring code", ("tests/registry/test_trust.py",)),
    Fault(
        "commands that are told a store, and look in another", ("tests/registry/test_option.py",)
    ),
    Fault(
        "rights that a container does not need, and MLflow without a login",
        ("tests/end_to_end/test_compose_file.py",),
    ),
]


def main() -> None:
    """Run the fault tests, print the table and write it to docs/faults.md."""
    words = sys.argv[1:]
    chosen = [each for each in FAULTS if not words or any(word in each.name for word in words)]
    for fault in chosen:
        cases, losses = _count(fault)
        print(_row(fault.name, cases, losses), flush=True)
        write({fault.name: (cases, losses)})


def write(counts: Mapping[str, tuple[int, int]]) -> None:
    """Write numbers of cases and losses to the table of docs/faults.md; other rows stay."""
    page = ROOT / "docs" / "faults.md"
    text = page.read_text()
    before = {row.split("|")[1].strip(): row for row in _table(text)}
    rows = before | {name: _row(name, *numbers) for name, numbers in counts.items()}
    soaks = [name for name in rows if name.startswith(SOAK)]
    order = [*(each.name for each in FAULTS if each.name in rows), *soaks[-1:]]
    page.write_text(_with_table(text, "\n".join([*HEAD, *(rows[name] for name in order)])))


def _row(name: str, cases: int, losses: int) -> str:
    return f"| {name} | {cases} | {losses} |"


def _table(text: str) -> list[str]:
    """Return the rows of the table, without its head."""
    inside = text.partition(BEGIN)[2].partition(END)[0]
    return inside.strip().splitlines()[len(HEAD) :]


def _count(fault: Fault) -> tuple[int, int]:
    """Return the numbers of cases and losses of one kind of fault."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        options = ["-m", fault.marks, *(["-k", fault.names] if fault.names else [])]
        options += ["-q", f"--junitxml={report}"]
        command = [sys.executable, "-m", "pytest", *options, *fault.files]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode > 1:  # pytest itself failed, so nothing was tried
            raise SystemExit(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
        if done.returncode:
            print(done.stdout, file=sys.stderr)
        tests = list(ET.parse(report).iter("testcase"))  # noqa: S314 - pytest's own file
    counted = [_test(test) for test in tests if test.find("skipped") is None]
    return sum(cases for cases, _ in counted), sum(losses for _, losses in counted)


def _test(test: ET.Element) -> tuple[int, int]:
    recorded = {each.get("name"): each.get("value", "") for each in test.iter("property")}
    failed = test.find("failure") is not None or test.find("error") is not None
    return int(recorded.get("cases", 1)), int(recorded.get("losses", failed))


def _with_table(text: str, table: str) -> str:
    """Return the text with the table between its markers, which are appended if missing."""
    if BEGIN not in text:
        text = f"{text.rstrip()}\n\n## Faults\n\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    main()
