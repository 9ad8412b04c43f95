"""Bringing a fresh backend to where a study's last process left it."""

from __future__ import annotations

from collections.abc import Sequence

from searchlab.backends.base import Backend
from searchlab.core.trial import Decision, Report, Suggestion
from searchlab.errors import ReplayError
from searchlab.journal.events import Asked, Entry, Reported, Told, Waited


class Answers:
    """What a backend answers to the reports of a study, over all of its processes.

    A trial that is trained again, after a failure or because its process died, reports epochs that
    the backend has heard of. Run again, a training is the same to the bit, so each epoch is told to
    the backend once, where it first stands in the journal. That way the backend hears in a study
    that was stopped what it hears in one that was not, however many trials run at once.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._newest: dict[int, tuple[int, int]] = {}
        self._decisions: dict[int, Decision] = {}

    def __call__(self, report: Report) -> Decision:
        """The backend's decision; the recorded one if it has heard of this epoch."""
        place = (report.fold, report.epoch)
        if place > self._newest.get(report.number, (-1, 0)):
            self._newest[report.number] = place
            self._decisions[report.number] = self._backend.report(report)
        if place == self._newest[report.number]:
            return self._decisions[report.number]  # again, if a process died before it could act
        return Decision.CONTINUE  # there were later epochs


def replay(backend: Backend, entries: Sequence[Entry]) -> Answers:
    """Brings a fresh backend to where the journal's last process left it.

    Args:
        backend: made from the same study, and asked nothing yet.
        entries: the journal, in order.

    Returns:
        The backend's answers so far, to go on with.

    Raises:
        ReplayError: if the backend suggests something else than it did then.
    """
    answers = Answers(backend)
    for entry in entries:
        match entry.event:
            case Asked(trial):
                _expect(trial.number, trial.suggestion, backend.ask(trial.number))
            case Waited(number):
                _expect(number, None, backend.ask(number))
            case Reported(report):
                answers(report)
            case Told(outcome):
                backend.tell(outcome)
    return answers


def _expect(number: int, recorded: Suggestion | None, asked: Suggestion | None) -> None:
    if recorded != asked:
        raise ReplayError(
            f"trial {number}: the journal holds {_shown(recorded)}, but the backend now suggests "
            f"{_shown(asked)}; was a library updated? Install the versions that the study began "
            "with, or start it anew under another --name"
        )


def _shown(suggestion: Suggestion | None) -> str:
    return "nothing" if suggestion is None else str(dict(suggestion.params))
