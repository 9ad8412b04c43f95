"""Lost weights: what needs them waits, and the backend hears the same as if nothing was lost."""

from dataclasses import replace

import pytest
from engine.process import Process, picture

from searchlab.core.trial import Decision, Suggestion, TrialState
from searchlab.errors import LostWeightsError
from searchlab.journal.events import Retrained
from searchlab.journal.journal import read_journal
from searchlab.testing.doubles import LogicalExecutor, bowl, study
from searchlab.training.outcome import failed

TRIALS, AT_ONCE = 24, 6
SPEC = study(search={"backend": "hyperband", "trials": TRIALS}, training={"epochs": 16})


class Storing(LogicalExecutor):
    """A formula whose trials save weights, and are promoted only with the right ones.

    `lose` is called before each epoch with the number of epochs so far and what is saved.
    """

    def __init__(self, lose=lambda epochs, saved: None):
        super().__init__(AT_ONCE, self._of)
        self.saved: dict[int, tuple[str, ...]] = {}
        self._lose, self._all = lose, 0

    def _of(self, trial, epoch):
        self._all += 1
        self._lose(self._all, self.saved)
        return bowl(trial, epoch)

    def submit(self, job):
        source = job.trial.suggestion.resume_from
        if source is not None and self.saved.get(source) != job.weights:
            self._jobs.append(job)
            self._results[job.number] = failed(job, LostWeightsError("they are gone"))
            return
        super().submit(job)

    def poll(self, decide, timeout):
        return [self._kept(result) for result in super().poll(decide, timeout)]

    def _kept(self, result):
        if result.error is not None:
            return result
        number = result.number if result.number >= 0 else -1 - result.number
        self.saved[number] = (f"weights of {number}",)
        return replace(result, weights=self.saved[number])


class Ladder:
    """A backend that promotes the best or the worst trial it has been told of, in turn."""

    prunes, sets_epochs, resumes_weights, at_once = False, True, True, None

    def __init__(self):
        self._asked, self._told, self._promoted, self.calls = {}, {}, set(), []

    def ask(self, number):
        if number < AT_ONCE or number % 3 == 0:
            params = {"n_neurons": 1 + 3 * number, "learning_rate": 0.001 * (number + 1)}
            suggestion = Suggestion({**params, "n_hidden": 1}, epochs=1 + number % 4)
        else:
            free = [n for n in self._told if n not in self._promoted]
            if not free:
                return None
            extreme = min if number % 3 == 1 else max
            best = extreme(free, key=self._told.__getitem__)
            self._promoted.add(best)
            before = self._asked[best]
            suggestion = Suggestion(before.params, before.epochs + 2, before.epochs, best)
        self._asked[number] = suggestion
        self.calls.append((number, suggestion))
        return suggestion

    def report(self, report):
        self.calls.append(report)
        return Decision.CONTINUE

    def tell(self, outcome):
        self.calls.append(outcome)
        if outcome.state is TrialState.COMPLETE:
            self._told[outcome.number] = outcome.value

    def close(self):
        pass


class Life(Process):
    """One process of a study on a ladder."""

    def __init__(self, directory, executor):
        directory.mkdir(exist_ok=True)
        super().__init__(directory, SPEC)
        self.executor, self.ladder = executor, Ladder()

    def backend(self):
        return self.ladder

    def trained_again(self):
        entries = read_journal(self.directory / "journal.jsonl")
        return [each.event.number for each in entries if isinstance(each.event, Retrained)]


@pytest.fixture
def undisturbed(tmp_path):
    """Run the study without a loss; return what its backend heard, and its record."""
    life = Life(tmp_path / "whole", Storing())
    record = life.run()
    assert record.counts() == {"COMPLETE": TRIALS}
    assert life.trained_again() == []
    return life.ladder.calls, picture(record)


def all_of_them(saved):
    saved.clear()


def mixed_up(saved):
    values = list(saved.values())
    saved.update(zip(saved, values[1:] + values[:1], strict=True))


@pytest.mark.parametrize("at", [16, 20, 36])
@pytest.mark.parametrize("damage", [all_of_them, mixed_up])
def test_a_backend_hears_the_same_whatever_is_lost(tmp_path, undisturbed, damage, at):
    """Each call of the backend, with six trials at once, is that of the study without a loss."""

    def lose(epochs, saved):
        if epochs == at:
            damage(saved)

    life = Life(tmp_path / "lost", Storing(lose))
    record = life.run()
    assert (life.ladder.calls, picture(record)) == undisturbed
    assert life.trained_again()
