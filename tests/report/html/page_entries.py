"""Records of studies for the tests of pages, and a reader of pages."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser

from searchlab.core.trial import Failure, Outcome, TrialState
from searchlab.journal.events import Compared, Event, Told
from searchlab.journal.record import StudyRecord
from searchlab.study.ending import Ending
from searchlab.study.spec import StudySpec
from searchlab.testing import entries as make

CONFIRMED = {  # the scores of two candidates with the three seeds after the study's own, 7
    7: {8: 0.31, 9: 0.35, 10: 0.33},
    6: {8: 0.21, 9: 0.29, 10: 0.25},
}
NASTY = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}"
BASELINES = {"dummy": 1.5, "linear": 0.75, "boosting": 0.4375}


def record(*trials, folds=None, maximize=False, then: tuple[Event, ...] = (), ending=None):
    """A study of the given trials (lists of events), and then more events."""
    resumed = replace(make.RESUMED, ending=ending or Ending())
    events = [make.started(make.spec(folds, maximize=maximize)), resumed]
    return StudyRecord(make.timed(*events, *(event for trial in trials for event in trial), *then))


def many(**spec) -> StudyRecord:
    """Eight COMPLETE trials, conditional params among them, one PRUNED and one FAIL."""
    trials = [make.trial(n, value=1.0 / (n + 1)) for n in range(8)]
    return record(*trials, make.trial(8, "PRUNED", None), make.trial(9, "FAIL", None), **spec)


def finished(**changes) -> StudyRecord:
    """The study of `many`, in which other seeds make trial 6 the winner and not trial 7.

    Args:
        **changes: of its last event.
    """
    stopped = make.finished(60.0, best=7, winner=6, epochs=2, test={"loss": 0.4062, "mae": 0.51})
    then = [
        *(
            make.confirmed(n, seed, value)
            for n, of in CONFIRMED.items()
            for seed, value in of.items()
        ),
        *(Compared(name, {"loss": value}, 0.5) for name, value in BASELINES.items()),
        replace(stopped, **changes),
    ]
    return many(then=tuple(then), ending=Ending(2, 3, True, True))


def resumed() -> StudyRecord:
    """Two processes an hour apart, each of which worked for ten seconds."""
    first = [make.started(make.spec()), make.RESUMED, *make.trial(0, value=0.5)]
    first += [make.interrupted(10.0)]
    second = [
        make.resumed(4),
        *make.trial(1, value=0.25),
        make.finished(10.0),
    ]
    return StudyRecord(
        [*make.timed(*first), *make.timed(*second, begin=make.BEGIN + 3600)],
    )


def nasty_study() -> StudyRecord:
    """Return a study in which everything a user, library or file can name is HTML with a script."""
    spec = make.spec().as_dict()
    spec["space"]["norm"] = {"choice": [NASTY, "b"]}
    del spec["space"]["momentum"]
    spec["objective"] = {"metric": f"val_{NASTY}", "direction": "minimize"}
    spec["data"] = {"dataset": NASTY}
    spec["model"] = NASTY
    spec["search"]["backend"] = NASTY
    started = make.started(
        StudySpec.from_dict(spec),
        text=NASTY,
        data={**make.DATA, "source": NASTY, "target": NASTY, "digest": NASTY},
        versions={NASTY: NASTY},
    )
    events = [started, replace(make.RESUMED, executor=NASTY, ending=Ending(1, 1, True, True))]
    for number in range(6):
        params = {"units": 8 + number, "rate": 0.01, "norm": (NASTY, "b")[number % 2]}
        events += [make.asked(number, params)]
        events += [make.reported(number, 1, metrics={f"val_{NASTY}": 0.5})]
        error = Failure(NASTY, NASTY, NASTY) if number == 5 else None
        state = TrialState.FAIL if error else TrialState.COMPLETE
        value = None if error else 0.1 * (number + 1)
        events.append(Told(Outcome(number, state, value, error=error, unfused=NASTY)))
    events += [make.confirmed(0, 8, 0.2), Compared(NASTY, {NASTY: 1.0}, 1.0, Failure(NASTY, NASTY))]
    events += [make.finished(3.0, 0, test={NASTY: 0.5}, winner=0, epochs=1)]
    return StudyRecord(make.timed(*events))


class Reader(HTMLParser):
    """The content of a page.

    Attributes:
        text: all of it but scripts and styles, without line breaks.
        tables: the cells of the rows of each table.
        scripts: the text of each script.
        tags: the name and attributes of each element.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.scripts: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open, self._in_cell = "", False
        self.feed(page)
        self.text = " ".join(" ".join(self.words).split())

    @property
    def figures(self) -> dict[str, dict]:
        """The pictures by name."""
        for script in self.scripts:
            if script.startswith('[{"name"'):
                return {figure["name"]: figure for figure in json.loads(script)}
        return {}

    def handle_starttag(self, tag, attrs):
        self._open = tag
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self._in_cell = True
        elif self._in_cell:
            self.tables[-1][-1][-1] += " "

    def handle_endtag(self, tag):
        self._open = ""
        if tag in ("td", "th"):
            cells = self.tables[-1][-1]
            cells[-1] = " ".join(cells[-1].split())
            self._in_cell = False

    def handle_data(self, data):
        if self._open == "script":
            self.scripts.append(data)
        elif self._open != "style":
            self.words.append(data)
            if self._in_cell:
                self.tables[-1][-1][-1] += data
