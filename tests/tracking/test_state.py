"""The file that says which part of a study a store has."""

from __future__ import annotations

from itertools import pairwise

import pytest

from searchlab.journal.layout import StudyLayout
from searchlab.tracking.mlflow.state import State, TrialRun


def filled(directory, trials: int) -> State:
    """Return a state that was saved after each trial."""
    state = State("id", "uri", "1", "run")
    for number in range(trials):
        state.trials[number] = TrialRun(f"run-{number}", 1)
        state.sent += 3
        state.save(directory)
    return state


def test_what_was_saved_is_read(tmp_path):
    """New runs, later attempts, baselines and single fields are read as they were saved last."""
    state = filled(tmp_path, 5)
    state.trials[2] = TrialRun("other", 2)
    state.baselines["linear"] = "b"
    state.save(tmp_path)
    state.model = "digest"
    state.save(tmp_path)
    read = State.load(tmp_path, "id", "uri")
    assert read == state
    assert (read.trials[2].attempt, read.baselines, read.model) == (2, {"linear": "b"}, "digest")
    assert State.load(tmp_path, "id", "elsewhere").sent == 0


def test_a_run_that_was_dropped_is_not_read(tmp_path):
    """A store that was looked through may have fewer runs."""
    state = filled(tmp_path, 5)
    state.trials = {1: state.trials[1]}
    state.save(tmp_path)
    assert State.load(tmp_path, "id", "uri") == state


def test_saving_writes_what_is_new(tmp_path):
    """The bytes that are written grow with the number of trials, and not with its square."""
    sizes = []
    state = State("id", "uri")
    for number in range(300):
        state.trials[number] = TrialRun("r" * 32, 1)
        state.save(tmp_path)
        sizes.append(StudyLayout(tmp_path).mlflow.stat().st_size)
    grown = [after - before for before, after in pairwise(sizes)]
    assert max(grown) < 100


@pytest.mark.parametrize("cut", [1, 9, 40])
def test_a_line_that_was_cut_is_left_out(tmp_path, cut):
    """The state before it is read: what the store has beyond is found there and sent again."""
    filled(tmp_path, 4)
    path = StudyLayout(tmp_path).mlflow
    path.write_bytes(path.read_bytes()[:-cut])
    read = State.load(tmp_path, "id", "uri")
    assert (sorted(read.trials), read.sent) == ([0, 1, 2], 9)
    read.save(tmp_path)
    assert State.load(tmp_path, "id", "uri") == read


def test_a_save_that_failed_is_made_up_for(tmp_path):
    """The next one writes the whole state, whatever the failed one has left."""
    state = filled(tmp_path, 2)
    path = StudyLayout(tmp_path).mlflow
    path.rename(tmp_path / "away")
    path.mkdir()
    state.trials[2] = TrialRun("run-2", 1)
    with pytest.raises(OSError, match="directory"):
        state.save(tmp_path)
    path.rmdir()
    state.save(tmp_path)
    assert State.load(tmp_path, "id", "uri") == state
