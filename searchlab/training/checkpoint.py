"""The saved weights of a training: its variables in a `.npz` file.

Writing a `.keras` file takes as long as several epochs of a small model, and trainings that share
a program have no Keras model of their own. Trials therefore save bare variables, which `restore`
puts into a model built by the factory; only the study's model becomes a `.keras` file: see
`package.write`.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from searchlab.core.atomic import clear_away, force_new, make_directory, whole_file
from searchlab.core.digest import file_digest
from searchlab.errors import LostWeightsError, ModelError, StorageError


@dataclass(frozen=True)
class Checkpoint:
    """The variables of a model and of its optimizer, in Keras' order; or those of several, stacked.

    Attributes:
        trainable: those of `model.trainable_variables`.
        non_trainable: those of `model.non_trainable_variables`, including seed generators' states.
        optimizer: those of `model.optimizer.variables`.
    """

    trainable: tuple[Any, ...]
    non_trainable: tuple[Any, ...]
    optimizer: tuple[Any, ...]

    @property
    def all(self) -> tuple[Any, ...]:
        """All variables in one sequence."""
        return (*self.trainable, *self.non_trainable, *self.optimizer)

    def like(self, values: Sequence[Any]) -> Checkpoint:
        """Return other values in the groups of this checkpoint."""
        first = len(self.trainable)
        second = first + len(self.non_trainable)
        return Checkpoint(
            tuple(values[:first]), tuple(values[first:second]), tuple(values[second:])
        )


def checkpoint_of(model: Any) -> Checkpoint:
    """Copy the variables of a built and compiled Keras model to arrays."""
    return Checkpoint(*(tuple(map(np.array, variables)) for variables in _variables(model)))


def restore(model: Any, checkpoint: Checkpoint) -> None:
    """Assign a checkpoint's variables to a built and compiled Keras model.

    Raises:
        ModelError: if the checkpoint was made from a different model.
    """
    model.optimizer.build(model.trainable_variables)  # otherwise it has no moments yet
    for group, variables in zip(fields(checkpoint), _variables(model), strict=True):
        values = getattr(checkpoint, group.name)
        wanted, given = [tuple(each.shape) for each in variables], [each.shape for each in values]
        if wanted != given:
            raise ModelError(
                f"the saved weights do not fit the model that the factory builds ({group.name} "
                f"variables: {_shown(given)} saved, {_shown(wanted)} in the model): make the "
                "factory build the same model from the same params"
            )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def save_checkpoint(checkpoint: Checkpoint, path: Path, *, lasting: bool = True) -> str:
    """Write a checkpoint atomically.

    Types that NumPy's format lacks (bfloat16 and narrower) are widened to float32 without loss.

    Args:
        checkpoint: the checkpoint.
        path: the file.
        lasting: whether it must outlive a power cut from now on, or only once `force_checkpoints`
            has been called.

    Returns:
        The SHA-256 of the file; equal variables make equal files.

    Raises:
        StorageError: if it cannot be written.
    """
    arrays = {
        f"{group.name}_{index}": _plain(value)
        for group in fields(checkpoint)
        for index, value in enumerate(getattr(checkpoint, group.name))
    }
    try:
        make_directory(path.parent.parent)  # that of all trials, for which no file is forced later
    except OSError as error:
        raise _unwritable(path, error) from error
    with moved_to(path, lasting=lasting) as scratch, scratch.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    return file_digest(path)


def force_checkpoints(paths: Collection[Path]) -> None:
    """Force saved checkpoints to the disk, several at once.

    Raises:
        StorageError: if the disk does not take them.
    """
    try:
        force_new(paths)
    except OSError as error:
        raise _unwritable(next(iter(paths)), error) from error


def load_checkpoint(path: Path, digest: str | None = None) -> Checkpoint:
    """Read a file written by `save_checkpoint`.

    Args:
        path: the file.
        digest: what `save_checkpoint` returned, or None to take any file.

    Raises:
        LostWeightsError: if it is missing, or another one.
        ModelError: if it is damaged.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LostWeightsError(f"{path}: cannot be read ({error.strerror})") from None
    if digest is not None and hashlib.sha256(content).hexdigest() != digest:
        raise LostWeightsError(f"{path}: is not the file that was written there")
    groups: dict[str, list[np.ndarray[Any, Any]]] = {each.name: [] for each in fields(Checkpoint)}
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            for name in file.files:  # in the order of writing
                groups[name.rpartition("_")[0]].append(file[name])
    except (ValueError, LookupError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelError(
            f"{path}: the saved weights cannot be read ({error}); restore the file from a backup, "
            "or start the study anew under another --name"
        ) from error
    return Checkpoint(**{name: tuple(values) for name, values in groups.items()})


@contextlib.contextmanager
def moved_to(path: Path, *, lasting: bool = True) -> Iterator[Path]:
    """Yield a file to write to, which moves to `path` only once it is complete.

    Args:
        path: the file.
        lasting: see `core.atomic.whole_file`.

    Raises:
        StorageError: if it cannot be written.
    """
    try:
        if lasting:
            make_directory(path.parent)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
        clear_away(path.parent, path.name)
        with whole_file(path, lasting=lasting) as scratch:
            yield scratch
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{path}: the model cannot be written ({error.strerror or error}); make room or give "
        "write access, then run the study again: this trial is trained again"
    )


def _variables(model: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """Return a model's variables in the groups of a `Checkpoint`."""
    return model.trainable_variables, model.non_trainable_variables, model.optimizer.variables


def _plain(value: Any) -> Any:
    return value if value.dtype.isbuiltin == 1 else value.astype(np.float32)


def _shown(shapes: list[tuple[int, ...]]) -> str:
    return " ".join(map(str, shapes)) or "none"
