"""The view of a running study, for a terminal of any width."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from searchlab.core.trial import TrialState
from searchlab.core.wording import duration_text, number_text, params_text
from searchlab.journal.events import Asked, Entry, Reported, Resumed, Told
from searchlab.journal.record import StudyRecord, TrialRecord
from searchlab.report.phrases import STATE_STYLES, data_text, search_text
from searchlab.report.rows import trial_row

_SHOWN = 4  # running trials with a line of their own
_STATES = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING)
_MINUTE = 60.0  # seconds
_FAST = 100.0  # rates from here on have no decimals


class Pace:
    """The pace of this process; the work of earlier processes is not counted.

    Attributes:
        since: when this process asked for its first trial, in seconds since the epoch, or None.
        latest: the time of the latest entry, of any process.
        ended: trials that ended.
        epochs: model-epochs trained.
    """

    def __init__(self) -> None:
        self.since: float | None = None
        self.latest = 0.0
        self.ended = 0
        self.epochs = 0

    def take(self, entry: Entry) -> None:
        """Count an entry of this process."""
        self.latest = entry.time
        match entry.event:
            case Resumed() | Asked() if self.since is None:
                self.since = entry.time
            case Reported():
                self.epochs += 1
            case Told():
                self.ended += 1

    def elapsed(self, now: float) -> float:
        """Return the seconds since this process began to work, never negative."""
        return 0.0 if self.since is None else max(0.0, now - self.since)


def live_view(record: StudyRecord, pace: Pace, now: float) -> RenderableType:
    """Draw a study at the moment `now` (seconds since the epoch), for a terminal of any width."""
    if record.started is None:
        return Text("preparing the study", "dim")
    parts: list[RenderableType] = [
        _head(record, pace, now),
        _bar(record, pace, now),
        _counts(record, pace, now),
        Text(),
    ]
    parts += _best(record)
    parts.append(Text())
    parts += _running(record)
    return Group(*parts)


def _head(record: StudyRecord, pace: Pace, now: float) -> Table:
    spec = record.spec
    title = Text.assemble(
        (spec.name, "bold"), "  ", (search_text(spec.search.backend, data_text(spec)), "dim")
    )
    times = [duration_text(_elapsed(record, pace, now))]
    left = _left(record, pace, now)
    if left is not None and not _all_ended(record):
        coarse = f"{left:.0f} s" if left < _MINUTE else duration_text(left)
        times.append(f"about {coarse} left")
    return _ends(title, Text(", ".join(times)))


def _bar(record: StudyRecord, pace: Pace, now: float) -> Table:
    """Draw a bar over the trials; over the time if only that is bounded; else a pulsing one."""
    ended = record.ended
    trials, seconds = _budget(record)
    if trials is not None:
        bar = _progress_bar(trials, _done(record), now)
        label = f"{ended}/{trials} trials"
    elif seconds is not None:
        bar = _progress_bar(seconds, _elapsed(record, pace, now), now)
        label = f"{ended} trials in {duration_text(seconds)}"
    else:
        bar = _progress_bar(None, 0, now)
        label = f"{ended} trials"
    return _ends(bar, Text(label))


def _progress_bar(total: float | None, completed: float, now: float) -> ProgressBar:
    return ProgressBar(
        total=total,
        completed=completed,
        complete_style="cyan",
        finished_style="green",
        pulse_style="cyan",
        animation_time=now,
    )


def _counts(record: StudyRecord, pace: Pace, now: float) -> Table:
    counts = record.counts()
    states = Text("  ").join(
        Text(f"{counts.get(state, 0)} {state}", STATE_STYLES[state] if state in counts else "dim")
        for state in map(str, _STATES)
    )
    elapsed = pace.elapsed(now)
    if not (pace.epochs and elapsed):
        return _ends(states, Text())
    epochs = f"{_rate(pace.epochs / elapsed)} epochs/s"
    trials = f"{_rate(pace.ended / elapsed * _MINUTE)} trials/min  " if pace.ended else ""
    return _ends(states, Text(trials + epochs, "dim"))


def _rate(value: float) -> str:
    return f"{value:.0f}" if value >= _FAST else f"{value:.1f}"


def _best(record: StudyRecord) -> Iterator[RenderableType]:
    if record.best_trial is None:
        yield Text.assemble("best  ", ("no trial is COMPLETE yet", "dim"))
        return
    best = trial_row(record.best_trial, record)
    yield Text.assemble(
        "best  ",
        (f"{record.spec.objective.metric} {number_text(best.value)}", "bold green"),
        (f"  trial {best.number}", "dim"),
    )
    yield Padding(Text(params_text(best.params)), (0, 0, 0, 6))


def _running(record: StudyRecord) -> Iterator[RenderableType]:
    running = record.unfinished()
    if _all_ended(record) and record.stopped is None:
        doing = "testing" if record.spec.data.tested else "measuring"
        yield Text(f"making the best trial's model, and {doing} it", "cyan")
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, min_width=len(record.spec.objective.metric) + 7)
    table.add_column(no_wrap=True, ratio=1, overflow="ellipsis", style="dim")
    for trial in running[:_SHOWN]:
        params = Text(params_text(trial.trial.suggestion.params))
        table.add_row(*_progress(record, trial), params)
    if running:
        yield table
    if len(running) > _SHOWN:
        yield Text(f"and {len(running) - _SHOWN} more running", "dim")


def _progress(record: StudyRecord, trial: TrialRecord) -> list[Text]:
    """Return a running trial's number, fold and epoch, and latest intermediate value."""
    suggestion, metric = trial.trial.suggestion, record.spec.objective.metric
    fold, epoch, value = 0, suggestion.initial_epoch, None
    if trial.reports:
        latest = trial.reports[-1]
        fold, epoch, value = latest.fold, latest.epoch, latest.metrics.get(metric)
    folds, epochs = record.spec.evaluation.trainings, str(suggestion.epochs)
    part = f"fold {fold + 1}/{folds}  " if folds > 1 else ""
    return [
        Text(f"trial {trial.trial.number}", STATE_STYLES["RUNNING"]),
        Text(f"{part}epoch {epoch:>{len(epochs)}}/{epochs}"),
        Text("" if value is None else f"{metric} {number_text(value)}"),
    ]


def _ends(left: RenderableType, right: Text) -> Table:
    """Put one renderable at the left edge and one at the right edge."""
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    table.add_row(left, right)
    return table


def _budget(record: StudyRecord) -> tuple[int | None, float | None]:
    """Return the bounds on trials and on seconds; None for no bound."""
    bounds = record.spec.search if record.budget is None else record.budget
    return bounds.trials, bounds.seconds


def _all_ended(record: StudyRecord) -> bool:
    """Return whether all requested trials have ended."""
    trials, _ = _budget(record)
    return trials is not None and record.ended >= trials


def _elapsed(record: StudyRecord, pace: Pace, now: float) -> float:
    """Return the seconds spent on the study, up to now if this process works on it."""
    idle = record.stopped is not None or pace.since is None
    return record.seconds + (0.0 if idle else max(0.0, now - pace.latest))


def _done(record: StudyRecord) -> float:
    """Return the number of trials done; a running one counts as its fraction of epochs."""
    return record.ended + sum(_fraction(record, trial) for trial in record.unfinished())


def _fraction(record: StudyRecord, trial: TrialRecord) -> float:
    suggestion = trial.trial.suggestion
    planned = (suggestion.epochs - suggestion.initial_epoch) * record.spec.evaluation.trainings
    return min(1.0, trial.epochs / planned)


def _left(record: StudyRecord, pace: Pace, now: float) -> float | None:
    """Return the seconds until the budget is used up at the present pace; None if unknown."""
    trials, seconds = _budget(record)
    bounds = [] if seconds is None else [seconds - _elapsed(record, pace, now)]
    done = _done(record)
    here = pace.ended + done - record.ended
    if trials is not None and here > 0:
        bounds.append((trials - done) / here * pace.elapsed(now))
    return max(0.0, min(bounds)) if bounds else None
