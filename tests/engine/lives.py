"""Processes that run many trials at once, and tell all calls of their backend."""

from pathlib import Path

from engine.process import Process

from searchlab.testing.doubles import LogicalExecutor, bowl, study

AT_ONCE = 8
FILE = "journal.jsonl"


def settings(backend: str, **search):
    """Return a study whose backend makes decisions with `AT_ONCE` trials at once."""
    learning = {"name": "tpe", "n_startup_trials": 4}
    pruning = {"name": "median", "n_startup_trials": 3}
    options = {"sampler": learning, "pruner": pruning} if backend == "optuna" else {}
    trials = search.pop("trials", 12 if backend == "optuna" else 18)
    return study(
        search={"backend": backend, "trials": trials, "options": options, **search},
        training={"epochs": 5 if backend == "optuna" else 9},
    )


class Listening:
    """A backend that records its calls and answers, except an ask that returns None."""

    def __init__(self, backend):
        self._backend, self.calls = backend, []

    def __getattr__(self, name):
        if name == "snapshot":  # without it the whole journal is replayed
            raise AttributeError(name)
        return getattr(self._backend, name)

    def ask(self, number):
        suggestion = self._backend.ask(number)
        if suggestion is not None:
            self.calls.append((number, suggestion))
        return suggestion

    def report(self, report):
        decision = self._backend.report(report)
        self.calls.append((report, decision))
        return decision

    def tell(self, outcome):
        self._backend.tell(outcome)
        self.calls.append(outcome)


class Life(Process):
    """A process that runs many trials at once, in logical time."""

    def __init__(self, directory: Path, spec, value=bowl, at_once=AT_ONCE):
        directory.mkdir(exist_ok=True)
        super().__init__(directory, spec)
        self.executor = LogicalExecutor(at_once, value)
        self.calls = []

    def backend(self):
        listening = Listening(super().backend())
        self.calls = listening.calls
        return listening

    def all_calls(self) -> list:
        """Run the process and return all calls of its backend, replay included."""
        self.run()
        return self.calls


def cut_at(directory: Path, lines: list[bytes]) -> Path:
    """Return the directory of a study whose process died when its journal had these lines."""
    directory.mkdir()
    (directory / FILE).write_bytes(b"".join(lines))
    return directory
