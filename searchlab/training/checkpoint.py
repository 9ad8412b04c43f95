"""What is kept of a training: its variables in a `.npz` file.

Writing a `.keras` file costs as much as several epochs of a small model, and trainings that share
a program have no Keras model each. So trials keep their bare variables, which `restore` puts into
a model that the factory has built; only the study's model becomes a `.keras` file: see
`training.package`.
"""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from searchlab.core.atomic import whole_file
from searchlab.errors import ModelError, StorageError


@dataclass(frozen=True)
class Checkpoint:
    """The variables of a model and of its optimiser, in Keras' order; or those of several, stacked.

    Attributes:
        trainable: those of `model.trainable_variables`.
        non_trainable: those of `model.non_trainable_variables`, seed generators' states included.
        optimizer: those of `model.optimizer.variables`.
    """

    trainable: tuple[Any, ...]
    non_trainable: tuple[Any, ...]
    optimizer: tuple[Any, ...]

    @property
    def all(self) -> tuple[Any, ...]:
        """All variables, one after the other."""
        return (*self.trainable, *self.non_trainable, *self.optimizer)

    def like(self, values: Sequence[Any]) -> Checkpoint:
        """Other values in the groups of this one."""
        first = len(self.trainable)
        second = first + len(self.non_trainable)
        return Checkpoint(
            tuple(values[:first]), tuple(values[first:second]), tuple(values[second:])
        )


def checkpoint_of(model: Any) -> Checkpoint:
    """A copy of the variables of a built and compiled Keras model, as arrays."""
    return Checkpoint(*(tuple(map(np.array, variables)) for variables in _variables(model)))


def restore(model: Any, checkpoint: Checkpoint) -> None:
    """Gives a built and compiled Keras model the variables of a checkpoint.

    Raises:
        ModelError: if the model is not the one that the checkpoint was made of.
    """
    model.optimizer.build(model.trainable_variables)  # it has no moments before
    for group, variables in zip(fields(checkpoint), _variables(model), strict=True):
        values = getattr(checkpoint, group.name)
        wanted, given = [tuple(each.shape) for each in variables], [each.shape for each in values]
        if wanted != given:
            raise ModelError(
                f"the kept weights do not fit the model that the factory builds ({group.name} "
                f"variables: {_shown(given)} kept, {_shown(wanted)} in the model): let the "
                "factory build the same model whenever it gets the same params"
            )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Writes a checkpoint; under `path` there is all of it or nothing.

    Types that NumPy's files do not know (bfloat16 and narrower) are widened to float32, which
    loses nothing.

    Raises:
        StorageError: if it cannot be written.
    """
    arrays = {
        f"{group.name}_{index}": _plain(value)
        for group in fields(checkpoint)
        for index, value in enumerate(getattr(checkpoint, group.name))
    }
    with moved_to(path) as scratch, scratch.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads what `save_checkpoint` wrote.

    Raises:
        ModelError: if it is not there or damaged.
    """
    groups: dict[str, list[np.ndarray[Any, Any]]] = {each.name: [] for each in fields(Checkpoint)}
    try:
        with np.load(path, allow_pickle=False) as file:
            for name in file.files:  # in the order in which they were written
                groups[name.rpartition("_")[0]].append(file[name])
    except (OSError, ValueError, LookupError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        why = getattr(error, "strerror", None) or error
        raise ModelError(
            f"{path}: the kept weights cannot be read ({why}); restore the file from a backup, or "
            "start the study anew under another --name"
        ) from error
    return Checkpoint(**{name: tuple(values) for name, values in groups.items()})


def is_whole(path: Path) -> bool:
    """Whether a checkpoint is there and every part of it is as it was written."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile, zlib.error):
        return False


@contextlib.contextmanager
def moved_to(path: Path) -> Iterator[Path]:
    """A file to write to; a killed process leaves no half of one under the path itself.

    Raises:
        StorageError: if it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f".*-{path.name}"):  # by a process that was killed
            left.unlink()
        with whole_file(path) as scratch:
            yield scratch
    except OSError as error:
        raise StorageError(
            f"{path}: the model cannot be written ({error.strerror or error}); make room or give "
            "write access, then run the study again: this trial is trained again"
        ) from error


def _variables(model: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """A model's variables in the groups of a `Checkpoint`."""
    return model.trainable_variables, model.non_trainable_variables, model.optimizer.variables


def _plain(value: Any) -> Any:
    return value if value.dtype.isbuiltin == 1 else value.astype(np.float32)


def _shown(shapes: list[tuple[int, ...]]) -> str:
    return " ".join(map(str, shapes)) or "none"
