"""The weights that a search keeps: the best trials', and those that a trial may still continue."""

import pytest
from engine.process import Process, picture

from searchlab.core.trial import TrialState
from searchlab.journal.layout import StudyLayout
from searchlab.testing.doubles import TrivialExecutor, bowl, study


class Keeping(TrivialExecutor):
    """Trivial trainings that leave a file of weights, and need that of the trial they continue."""

    def __init__(self, workers, directory):
        super().__init__(workers, bowl)
        self.paths, self.most, self.continued = StudyLayout(directory), 0, 0

    def submit(self, job):
        earlier = job.trial.suggestion.resume_from
        if earlier is not None:
            assert self.paths.checkpoints(earlier), f"trial {job.number} needs those of {earlier}"
            self.continued += 1
        super().submit(job)

    def poll(self, decide, timeout):
        outcomes = super().poll(decide, timeout)
        for outcome in outcomes:
            if outcome.state is TrialState.COMPLETE:
                self.paths.model(outcome.number).mkdir(parents=True, exist_ok=True)
                self.paths.checkpoint(outcome.number, 0).write_bytes(b"weights")
        left = [path for path in self.paths.models.glob("*") if any(path.iterdir())]
        self.most = max(self.most, len(left))
        return outcomes


def hyperband(directory, **search):
    process = Process(
        directory,
        study(search={"backend": "hyperband", "trials": 90, **search}, training={"epochs": 27}),
    )
    process.executor = Keeping(3, directory)
    return process


@pytest.mark.keras
def test_hyperband_keeps_the_weights_that_it_may_still_continue(tmp_path):
    """Each promotion finds its weights, few are there at once, and in the end the best trials'."""
    process = hyperband(tmp_path)
    record = process.run()
    assert process.executor.continued > 15
    assert process.executor.most < 35  # of 90: at first those that may fill the second rung
    left = {int(path.name) for path in (tmp_path / "models").iterdir()}
    assert record.best in left
    assert len(left) < 20


@pytest.mark.keras
def test_a_search_that_is_taken_up_finds_the_weights(tmp_path):
    """Promoted trials that were interrupted find what they continue when they run again."""
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    whole = picture(hyperband(tmp_path / "whole").run())
    for stop in range(9, 200, 23):
        process = hyperband(tmp_path / "parts")
        poll, polls = process.executor.poll, 0

        def counted(decide, timeout, process=process, poll=poll, stop=stop):
            nonlocal polls
            polls += 1
            if polls == stop:
                process.interrupt.request()
            return poll(decide, timeout)

        process.executor.poll = counted
        process.run()
    assert picture(hyperband(tmp_path / "parts").run()) == whole
