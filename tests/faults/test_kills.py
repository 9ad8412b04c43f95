"""kill -9 of the driver, at random moments and between steps that belong together.

The driver is the real one except for its trainings, which are a formula (see `faults.driver`).
"""

import random
import shutil
from pathlib import Path

import pytest
from faults.driver import Death, Life, Server
from faults.points import POINTS
from support.finished import Finished

from searchlab.journal.home import load_record, study_names

pytestmark = pytest.mark.keras
LONG = pytest.mark.long

STUDY = """\
name: small
data: {{dataset: iris}}
space:
  n_hidden: {{int: [0, 3]}}
  n_neurons: {{int: [1, 100]}}
  learning_rate: {{float: [3e-4, 3e-2], log: true}}
search: {{backend: {backend}, trials: {trials}, seed: 42}}
training: {{epochs: 9}}
evaluation: {{holdout: 0.25}}
execution: {{workers: {workers}}}
"""
BACKENDS = ["optuna", "randomized", "hyperband"]
TRIALS = 12
STUDIES, KILLS = 10, 5  # per backend; per study


@pytest.fixture(scope="module")
def server():
    """Start the server that forks one driver per life."""
    server = Server()
    yield server
    server.close()


class Place:
    """A working directory with a study file, and the lives of its study."""

    def __init__(self, directory: Path, server: Server, backend: str, trials: int, workers=1):
        directory.mkdir(exist_ok=True)
        text = STUDY.format(backend=backend, trials=trials, workers=workers)
        (directory / "study.yaml").write_text(text)
        self.directory, self.deaths = directory, []
        self._server, self._trials, self._workers = server, trials, workers

    def live(self, **how) -> Death:
        death = self._server.live(Life(str(self.directory), **how))
        assert death.killed or death.code == 0, death.output
        self.deaths.append(death)
        for name in study_names(self.directory):
            assert load_record(name, self.directory).started, "it can be looked at meanwhile"
        return death

    @property
    def kills(self) -> int:
        return sum(death.killed for death in self.deaths)

    def end(self) -> Finished:
        """Run the study to its end and check the laws that hold for any study."""
        assert not self.live().killed
        finished = Finished(self.directory)
        finished.check(self._trials, self._workers)
        return finished


@pytest.fixture(scope="module")
def unbroken(server, database, tmp_path_factory):
    """Run a study of each backend and size without kills; return it and its duration."""
    known = {}

    def make(backend: str, trials: int, workers: int = 1) -> tuple[Finished, float]:
        key = (backend, trials, workers)
        if key not in known:
            directory = tmp_path_factory.mktemp("unbroken")
            shutil.copy(database, directory / "mlflow.db")
            place = Place(directory, server, *key)
            known[key] = place.end(), place.deaths[0].seconds
        return known[key]

    return make


@pytest.mark.parametrize("seed", range(STUDIES))
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.long  # with several trials at once in the shorter tier
def test_a_driver_killed_at_random_moments_loses_nothing(
    tmp_path, server, database, unbroken, record_property, backend, seed
):
    """After five kills the study equals, bit for bit, one never killed, in MLflow too."""
    whole, seconds = unbroken(backend, TRIALS)
    place = kill_at_random(tmp_path, server, database, backend, seed, seconds)
    record_property("cases", place.kills)
    broken = place.end()
    assert broken.picture() == whole.picture()
    assert broken.mlflow_picture() == whole.mlflow_picture()


@pytest.mark.parametrize("backend", [pytest.param("optuna", marks=LONG), "randomized", "hyperband"])
def test_a_driver_of_several_trials_at_once_killed_at_random_moments_loses_nothing(
    tmp_path, server, database, unbroken, record_property, backend
):
    """With three trials in flight per kill, the study equals one without kills, bit for bit."""
    whole, seconds = unbroken(backend, TRIALS, 3)
    place = kill_at_random(tmp_path, server, database, backend, 100, seconds, workers=3)
    record_property("cases", place.kills)
    broken = place.end()
    assert broken.picture() == whole.picture()
    assert broken.mlflow_picture() == whole.mlflow_picture()


def kill_at_random(directory, server, database, backend, seed, seconds, workers=1) -> Place:
    """Kill a study's driver `KILLS` times, spread over the study's whole length."""
    shutil.copy(database, directory / "mlflow.db")
    place = Place(directory, server, backend, TRIALS, workers)
    generator = random.Random(f"{backend} {seed}")  # noqa: S311 - moments, not secrets
    while place.kills < KILLS:
        # A life does not repeat earlier lives' work, so equal shares of the whole cover all of it,
        # from the lock to the last call of MLflow.
        moment = generator.uniform(0, 1.6 * seconds / (KILLS + 1))
        death = place.live(kill_after=moment)
        print(f"seed {seed}: killed after {moment:.3f} s" if death.killed else "at its end")
        if not death.killed:  # start over, so that the number of kills is as promised
            shutil.rmtree(directory / ".searchlab")
            shutil.copy(database, directory / "mlflow.db")
    return place


SHORT = {  # points of each kind; all others are of the last tier
    *("lock: taken, nothing written", "data: written, not moved", "journal: half a line"),
    *("journal: line written, not on the disk", "told: journal ahead of the backend"),
    *("asked: backend ahead of the journal", "reported: journal ahead of the backend"),
    *("after Confirmed", "before Stopped", "finish: after the study's model"),
    *("outbox: study's run made, not noted", "outbox: points sent, not noted"),
    *("outbox: void attempt deleted", "outbox: note written, not on the disk"),
}


def test_the_short_points_are_among_all():
    """No name in the list above is of a point that is gone."""
    assert set(POINTS) >= SHORT


@pytest.mark.parametrize(
    "point", [pytest.param(each, marks=[] if each in SHORT else LONG) for each in POINTS]
)
def test_a_driver_killed_between_two_steps_loses_nothing(
    tmp_path, server, database, unbroken, record_property, point
):
    """Killed at a named point, and there again in the next life, the study ends as if unharmed."""
    trials = 6
    whole, _ = unbroken("optuna", trials)
    shutil.copy(database, tmp_path / "mlflow.db")
    place = Place(tmp_path, server, "optuna", trials)
    needs_attempt = "attempt" in point  # none exists until a life has ended in mid-trial
    if needs_attempt:
        assert place.live(point="after Reported", nth=15, epoch=0.1).killed
    assert place.live(point=point, nth=POINTS[point].nth).killed
    place.live(point=point)
    record_property("cases", place.kills - needs_attempt)
    broken = place.end()
    assert broken.picture() == whole.picture()
    assert broken.mlflow_picture() == whole.mlflow_picture()


@pytest.mark.parametrize("share", [0.4, *(pytest.param(n, marks=LONG) for n in (0.2, 0.6, 0.8))])
def test_a_database_is_whole_although_its_maker_was_killed(tmp_path, server, unbroken, share):
    """If a life is killed in the seconds of creating MLflow's tables, the next completes them."""
    place = Place(tmp_path, server, "optuna", 6)
    whole, seconds = unbroken("optuna", 6)
    place.live(kill_after=seconds + share)
    assert place.end().picture() == whole.picture()
