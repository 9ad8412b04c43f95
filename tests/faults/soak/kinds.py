"""The faults that befall a study while it runs."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
from faults.disks import fill
from faults.soak.study import Soaked
from support.damages import DAMAGES, missing
from support.ray_cluster import kill

Kind = Callable[[Soaked], bool]
"""A function that makes a fault happen; it returns False if it cannot happen now."""

_FILE_DAMAGES = sorted(DAMAGES.keys() - {"unreadable"})  # root may read everything
_STEPS = (-86_400.0, -3600.0, 3600.0, 86_400.0)  # seconds
_LINES = 20  # of a journal whose middle is not its first, long line, without which nothing is kept


def kill_driver(study: Soaked) -> bool:
    """Kill the driver, and start it again."""
    study.kill()
    study.start()
    return True


def kill_worker(study: Soaked) -> bool:
    """Kill all that train at the moment, once a study: a trial's second loss is its failure."""
    workers = study.workers()
    if study.worker_killed or not workers:
        return False
    study.worker_killed = True
    for each in workers:
        each.kill()
    return True


def kill_fork_server(study: Soaked) -> bool:
    """Kill the process that workers are forked from."""
    servers = study.fork_servers()
    for each in servers:
        each.kill()
    return bool(servers)


def kill_mlflow(study: Soaked) -> bool:
    """Kill the MLflow server, and start it again some seconds later."""
    if study.server is None:
        return False
    study.server.kill()
    time.sleep(study.random.uniform(0, study.pause / 4))
    study.server.start()
    return True


def kill_node(study: Soaked) -> bool:
    """Kill a node of the cluster, and add another one."""
    if study.cluster is None:
        return False
    kill(study.cluster.raylets.pop(0))
    study.cluster.raylets.append(study.cluster.add())
    return True


def stop_driver(study: Soaked) -> bool:
    """Stop the driver for a while."""
    return _stop([study.driver], study.pause)


def stop_worker(study: Soaked) -> bool:
    """Stop all that train at the moment, for a while."""
    return _stop(study.workers(), study.pause)


def stop_mlflow(study: Soaked) -> bool:
    """Stop the MLflow server for a while: it takes connections and does not answer."""
    if study.server is None:
        return False
    study.server.hang()
    time.sleep(study.pause)
    study.server.go_on()
    return True


def full_disk(study: Soaked) -> bool:
    """Fill the disk until the driver ends or half a minute has passed; then make room again."""
    if not study.full:
        return False
    end, fillers = time.monotonic() + 30, list[Path]()
    while study.runs and time.monotonic() < end:
        fillers.append(study.cwd / f"filler-{len(fillers)}")  # what was removed since made room
        fill(fillers[-1])
        time.sleep(0.1)
    ended = not study.runs
    for each in fillers:
        each.unlink()
    if ended:
        said = study.words()
        assert study.code in (0, 2), said
        assert "Traceback" not in said, said
        study.start()
    return True


def step_clock(study: Soaked) -> bool:
    """Set the driver's clock forward or back, by an hour or a day."""
    study.set_clock(study.random.choice(_STEPS))
    return True


def damage_file(study: Soaked) -> bool:
    """Kill the driver, and damage one of the study's files but its journal."""
    study.kill()
    others = {study.paths.journal, study.paths.data}  # the data are made anew by each process
    found = study.paths.directory.rglob("*")
    files = sorted(each for each in found if not others & {each, *each.parents})
    if files:
        target, how = study.random.choice(files), study.random.choice(_FILE_DAMAGES)
        if how != "extra" or not (target.parent / "a copy").exists():
            DAMAGES[how](target)
            study.suspects.append(target)
            study.story.append(f"{how} {target.relative_to(study.paths.directory)}")
    study.start()
    return bool(files)


def damage_journal(study: Soaked) -> bool:
    """Kill the driver, change a byte of its journal, and repair it, as `run` advises."""
    if study.case.open > 1 or study.lines() < _LINES:
        return False
    study.kill()
    DAMAGES["flipped"](study.paths.journal)
    study.command("repair", "small")
    study.start()
    return True


def empty_store(study: Soaked) -> bool:
    """Remove the database of MLflow under the running study."""
    database = study.cwd / "mlflow.db"
    if study.server is not None or not database.exists():
        return False
    for each in study.cwd.glob("mlflow.db*"):
        missing(each)
    return True


KINDS: dict[str, Kind] = {
    "kill -9 of the driver": kill_driver,
    "kill -9 of workers": kill_worker,
    "kill -9 of the fork server": kill_fork_server,
    "kill -9 of MLflow": kill_mlflow,
    "kill -9 of a cluster's node": kill_node,
    "driver stopped for a while": stop_driver,
    "workers stopped for a while": stop_worker,
    "MLflow stopped for a while": stop_mlflow,
    "full disk": full_disk,
    "clock set": step_clock,
    "file damaged": damage_file,
    "journal damaged, and repaired": damage_journal,
    "MLflow's database removed": empty_store,
}
"""All faults by name."""


def _stop(processes: list[psutil.Process], seconds: float) -> bool:
    """Stop processes for some seconds; return whether there was one."""
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for each in processes:
            with suppress(psutil.Error):
                each.send_signal(number)
        if number == signal.SIGSTOP and processes:
            time.sleep(seconds)
    return bool(processes)
