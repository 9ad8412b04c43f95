"""Replay of a journal into a fresh backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from searchlab.backends.base import Backend
from searchlab.core.trial import Decision, Outcome, Report, Suggestion
from searchlab.errors import ReplayError
from searchlab.journal.events import Asked, Entry, Reported, Told, Waited


@dataclass(frozen=True)
class Answer:
    """A backend's decision on the newest epoch that it knows of an open trial."""

    fold: int
    epoch: int
    decision: Decision


class Answers:
    """A backend's decisions on a study's reports, across all of its processes.

    A trial that is trained again, after a failure or because its process died, repeats epochs that
    the backend already knows. Training is deterministic to the bit, so each epoch is reported to
    the backend only once, where it first occurs in the journal. The backend of a stopped study thus
    hears the same as that of an unbroken one, however many trials run at once.

    Attributes:
        open: the latest answer for each open trial that has reported.
    """

    def __init__(self, backend: Backend, given: Mapping[int, Answer] | None = None) -> None:
        self._backend = backend
        self.open = dict(given or {})

    def __call__(self, report: Report) -> Decision:
        """Return the backend's decision, or the recorded one if it knows this epoch."""
        if is_later(report, self.open.get(report.number)):
            decision = self._backend.report(report)
            self.open[report.number] = Answer(report.fold, report.epoch, decision)
        newest = self.open[report.number]
        if (report.fold, report.epoch) == (newest.fold, newest.epoch):
            return newest.decision  # repeated if a process died before it could act
        return Decision.CONTINUE  # later epochs were already reported

    def tell(self, outcome: Outcome) -> None:
        """Tell the backend the end of a trial, of which no report follows."""
        self._backend.tell(outcome)
        self.open.pop(outcome.number, None)


def is_later(report: Report, newest: Answer | Report | None) -> bool:
    """Return whether a report is later than the newest that the backend knows of its trial."""
    return newest is None or (report.fold, report.epoch) > (newest.fold, newest.epoch)


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
    proceed(backend, answers, entries)
    return answers


def proceed(backend: Backend, answers: Answers, entries: Sequence[Entry]) -> None:
    """Replay the next entries; see `replay`."""
    for entry in entries:
        match entry.event:
            case Asked(trial):
                _expect(trial.number, trial.suggestion, backend.ask(trial.number))
            case Waited(number):
                _expect(number, None, backend.ask(number))
            case Reported(report):
                answers(report)
            case Told(outcome):
                answers.tell(outcome)


def _expect(number: int, recorded: Suggestion | None, asked: Suggestion | None) -> None:
    if recorded != asked:
        raise ReplayError(
            f"trial {number}: the journal holds {_shown(recorded)}, but the backend now suggests "
            f"{_shown(asked)}; was a library updated? Install the versions that the study began "
            "with, or start it anew under another --name"
        )


def _shown(suggestion: Suggestion | None) -> str:
    return "nothing" if suggestion is None else str(dict(suggestion.params))
