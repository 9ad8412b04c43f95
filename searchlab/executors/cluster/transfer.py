"""Transfer of files between the driver and the nodes, as bytes in memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from searchlab.core.atomic import whole_directory
from searchlab.errors import StorageError
from searchlab.factories.sources import own_files
from searchlab.journal.layout import StudyLayout, study_data
from searchlab.study.spec import StudySpec
from searchlab.training.checkpoint import moved_to
from searchlab.training.job import FinalJob, Job, TrialJob

Files = Mapping[str, np.ndarray[Any, np.dtype[np.uint8]]]
"""The content of files by path, with slashes, relative to an implied directory.

Arrays of bytes pass through Ray's object store without being copied.
"""


def pack(directory: Path) -> Files:
    """Read all files in a directory and below, except hidden ones."""
    paths = [path for path in sorted(directory.rglob("*")) if path.is_file()]
    names = {path: path.relative_to(directory) for path in paths}
    return {
        name.as_posix(): np.fromfile(path, np.uint8)
        for path, name in names.items()
        if not name.name.startswith(".")
    }


def unpack(files: Files, directory: Path, *, lasting: bool = False) -> None:
    """Write files, each atomically.

    Args:
        files: the files.
        directory: the directory that their paths are relative to.
        lasting: whether each of them must outlive a power cut.

    Raises:
        StorageError: if a file cannot be written.
        ValueError: if a path leads out of the directory.
    """
    for name, content in files.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{name} leads out of its directory")
        with moved_to(directory / path, lasting=lasting) as scratch:
            scratch.write_bytes(content.data)  # `tofile` is silent if a small file fails


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
    unpack(rest, directory, lasting=True)


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


def node_code(spec: StudySpec, base: Path) -> list[Path]:
    """Return the user's files that trainings need on a node; see `factories.sources.own_files`."""
    return own_files(spec, (spec.factory.factory, *spec.data.own, *spec.training.code), base)


def pack_code(files: Iterable[Path]) -> Files:
    """Read files, by their paths relative to the root "/"."""
    return {path.relative_to(path.anchor).as_posix(): np.fromfile(path, np.uint8) for path in files}


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
        moved["data"] = spec.data.relocated(lambda each: relative_reference(each, base))
    if spec.training.code:
        moved["training"] = spec.training.relocated(lambda each: relative_reference(each, base))
    return spec.model_copy(update=moved)


def relative_reference(reference: str, base: Path) -> str:
    """Name the file of a reference relative to a directory, with links resolved.

    References to modules and names of built-in code are returned unchanged.
    """
    place, colon, function = reference.rpartition(":")
    if not (place.endswith(".py") or "/" in place):
        return reference
    return f"{os.path.relpath((base / place).resolve(), base.resolve())}{colon}{function}"


def rooted(path: Path) -> str:
    """Return a path relative to the root "/", with links resolved."""
    return path.resolve().relative_to(path.resolve().anchor).as_posix()
