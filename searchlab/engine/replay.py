"""Replay of a journal into a fresh backend."""

from __future__ import annotations

from collections.abc import Sequence

from searchlab.backends.base import Backend
from searchlab.core.trial import Decision, Report, Suggestion
from searchlab.errors import ReplayError
from searchlab.journal.events import Asked, Entry, Reported, Told, Waited


class Answers:
    """A backend's decisions on a study's reports, across all of its processes.

    A trial that is trained again, after a failure or because its process died, repeats epochs that
    the backend already knows. Training is deterministic to the bit, so each epoch is reported to
    the backend only once, where it first occurs in the journal. The backend of a stopped study thus
    hears the same as that of an unbroken one, however many trials run at once.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._newest: dict[int, tuple[int, int]] = {}
        self._decisions: dict[int, Decision] = {}

    def __call__(self, report: Report) -> Decision:
        """Return the backend's decision, or the recorded one if it knows this epoch."""
        place = (report.fold, report.epoch)
        if place > self._newest.get(report.number, (-1, 0)):
            self._newest[report.number] = place
            self._decisions[report.number] = self._backend.report(report)
        if place == self._newest[report.number]:
            return self._decisions[report.number]  # repeated if a process died before it could act
        return Decision.CONTINUE  # later epochs were already reported


def replay(backend: Backend, entries: Sequence[Entry]) -> Answers:
    """Replay the journal into a fresh backend.

    Args:
        backend: made from the same study and not yet asked anything.
        entries: the journal, in order.

    Returns:
        The backend's decisions so far, to be continued.

    Raises:
        ReplayError: if the backend's suggestions differ from the journal's.
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
