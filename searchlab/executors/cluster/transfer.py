"""Transfer of files between the driver and the nodes, as bytes in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from searchlab.core.atomic import whole_directory
from searchlab.errors import InputError, StorageError
from searchlab.factories.find import BUILT_IN, locate_factory
from searchlab.journal.layout import StudyLayout, study_data
from searchlab.study.spec import StudySpec
from searchlab.training.checkpoint import moved_to
from searchlab.training.job import FinalJob, Job, TrialJob

Files = Mapping[str, np.ndarray[Any, np.dtype[np.uint8]]]
"""The content of files by path, with slashes, relative to an implied directory.

Arrays of bytes pass through Ray's object store without being copied.
"""

_OTHER = 1_000_000  # bytes; a larger file beside the factory is data, not part of its code
_MOST_FILES, _MOST_BYTES = 5_000, 100_000_000
_LOOKED_AT = 50_000


def pack(directory: Path) -> Files:
    """Read all files in a directory and below, except hidden ones."""
    paths = [path for path in sorted(directory.rglob("*")) if path.is_file()]
    names = {path: path.relative_to(directory) for path in paths}
    return {
        name.as_posix(): np.fromfile(path, np.uint8)
        for path, name in names.items()
        if not name.name.startswith(".")
    }


def unpack(files: Files, directory: Path) -> None:
    """Write files, each atomically.

    Raises:
        StorageError: if a file cannot be written.
        ValueError: if a path leads out of the directory.
    """
    for name, content in files.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{name} leads out of its directory")
        with moved_to(directory / path) as scratch:
            content.tofile(scratch)


def unpack_made(files: Files, directory: Path) -> None:
    """Write a job's files into the study's directory.

    A model's package is written atomically as a whole, every other file by itself.

    Raises:
        StorageError: if a file cannot be written.
        ValueError: if a path leads out of the directory.
    """
    rest = dict(files)
    paths = StudyLayout(directory)
    for package in (paths.best, paths.refit):
        prefix = f"{package.name}/"
        parts = {
            name.removeprefix(prefix): rest.pop(name) for name in files if name.startswith(prefix)
        }
        if parts:
            try:
                with whole_directory(package) as new:
                    unpack(parts, new)
            except OSError as error:
                raise StorageError(
                    f"{package}: the model cannot be written ({error.strerror or error}); make "
                    "room or give write access, then run the study again: it is made again"
                ) from error
    unpack(rest, directory)


def needed(job: Job) -> Files:
    """Read the saved weights that a job starts from, relative to the study's directory."""
    match job:
        case TrialJob():
            of = job.trial.suggestion.resume_from
        case FinalJob():
            of = job.trial.number
        case _:
            of = None
    if of is None:
        return {}
    return {
        path.relative_to(job.directory).as_posix(): np.fromfile(path, np.uint8)
        for path in StudyLayout(job.directory).checkpoints(of)
    }


# ---- the user's code


def pack_code(reference: str, base: Path) -> Files:
    """Read the source of a model factory and its possible imports, relative to the root "/".

    They are all Python files in the factory's directory and below, and small files of any other
    kind, such as a vocabulary. An installed factory is expected to be installed on all nodes.

    Raises:
        InputError: if there are too many files to be plausible.
    """
    if reference in BUILT_IN:
        return {}
    factory = locate_factory(reference, base)
    if factory.root not in factory.file.parents or "site-packages" in factory.file.parts:
        return {}
    files: dict[str, Any] = {}
    size = 0
    for path in _sources(factory.root):
        files[rooted(path)] = np.fromfile(path, np.uint8)
        size += files[rooted(path)].size
        if len(files) > _MOST_FILES or size > _MOST_BYTES:
            raise _too_many(factory.root)
    return files


def on_node(job: Job, code: Path, data: Path, directory: Path) -> Job:
    """Return a job with the paths of a node.

    Args:
        job: the driver's job.
        code: the node's directory with the files from `pack_code`.
        data: its directory with the prepared data, those of a refit included.
        directory: its replacement for the study's directory.
    """
    own = data / job.data.relative_to(study_data(job.data))
    base = code / rooted(job.base)
    base.mkdir(parents=True, exist_ok=True)
    spec = _moved(job.spec, job.base)
    return replace(job, spec=spec, base=base, data=own, directory=directory)


def _moved(spec: StudySpec, base: Path) -> StudySpec:
    """Return the study with its code named relative to its original directory."""
    reference = relative_reference(spec.factory.factory, base)
    moved: dict[str, Any] = {"model": spec.factory.model_copy(update={"factory": reference})}
    if spec.data.own:
        scale = relative_reference(spec.data.scaling, base)
        moved["data"] = spec.data.model_copy(update={"scale": scale})
    return spec.model_copy(update=moved)


def relative_reference(reference: str, base: Path) -> str:
    """Make an absolute factory reference relative to a directory; return others unchanged."""
    place, colon, function = reference.rpartition(":")
    if not place.startswith("/"):
        return reference
    return f"{os.path.relpath(Path(place).resolve(), base.resolve())}{colon}{function}"


def rooted(path: Path) -> str:
    """Return a path relative to the root "/", with links resolved."""
    return path.resolve().relative_to(path.resolve().anchor).as_posix()


def _too_many(root: Path) -> InputError:
    return InputError(
        f"{root} has too many files beside the model factory to be sent to a cluster: put the "
        "factory, with what it imports, into a directory of its own"
    )


def _sources(root: Path) -> Iterator[Path]:
    """Yield Python files and other small ones, except in hidden or virtual environments."""
    looked_at = 0
    for directory, below, names in os.walk(root):
        here = Path(directory)
        below[:] = [
            name
            for name in sorted(below)
            if not name.startswith((".", "__pycache__"))
            and not (here / name / "pyvenv.cfg").exists()
            and name not in ("node_modules", "mlruns", "mlartifacts")
        ]
        for name in sorted(names):
            looked_at += 1
            if looked_at > _LOOKED_AT:
                raise _too_many(root)
            path = here / name
            if name.startswith(".") or not path.is_file():
                continue
            if name.endswith(".py") or (here == root and path.stat().st_size <= _OTHER):
                yield path
