"""Studies as files, and what runs them here."""

from __future__ import annotations

from pathlib import Path

from searchlab.core.interrupt import Interrupt
from searchlab.engine.checks import study_problems
from searchlab.engine.run import run_study
from searchlab.journal.record import StudyRecord
from searchlab.study.file import load_study


def run_here(file: Path) -> StudyRecord:
    """Run a study file in this process, in the file's directory, without MLflow."""
    loaded = load_study(file, checks=[study_problems])
    return run_study(loaded, file.parent, lambda _: [], Interrupt(), lambda _: None)


def write_study(path: Path, text: str) -> Path:
    """Write a study file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
