"""The files that a path stands for: one, several by a pattern or a list, or one elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from searchlab.core.progress import doing
from searchlab.core.scratch import scratch
from searchlab.data.catalog import ENDINGS, PACKED, ending_of, is_address, matching
from searchlab.data.reading.raw import did_you_mean
from searchlab.errors import DataError, MissingPackageError


@dataclass(frozen=True)
class Place:
    """A file or directory to read.

    Attributes:
        path: where it is.
        source: its name in messages.
    """

    path: Path
    source: str

    @property
    def ending(self) -> str:
        """The ending of its name; "" for a directory."""
        return "" if self.path.is_dir() else str(ending_of(self.path.name))

    @property
    def name(self) -> str:
        """Its name without the ending."""
        return self.path.name.removesuffix(self.path.name[len(self.path.name) - len(self.ending) :])


@contextmanager
def places(
    given: str | tuple[str, ...], base: Path, remedy: str, *, whole: bool = False
) -> Iterator[list[Place]]:
    """Find files, and fetch those on other machines for as long as the block takes.

    Args:
        given: a path or an address, a pattern such as parts/*.csv, or some of them.
        base: the directory that relative paths start at.
        remedy: what to do if there is none.
        whole: whether messages name the directory of an absolute path.

    Raises:
        DataError: if there is none, or it is of an unknown kind.
    """
    with scratch() as directory:
        found: list[Place] = []
        for number, each in enumerate((given,) if isinstance(given, str) else given):
            if is_address(each):
                found.append(_fetched(each, directory / str(number), remedy))
            else:
                shown = each if whole or not Path(each).is_absolute() else Path(each).name
                found += [_place(path, shown, base / each, remedy) for path in _paths(each, base)]
        yield found


def _paths(given: str, base: Path) -> list[Path]:
    return matching(given, base) or [base / given]


def _place(path: Path, shown: str, given: Path, remedy: str) -> Place:
    parent = Path(shown).parent
    source = shown if path == given else (parent / path.name).as_posix()  # found by a pattern
    if not path.is_dir():
        _check_kind(path.name, source)
        if not path.is_file():
            near = did_you_mean(path.name, [p.name for p in path.parent.glob("*")])
            raise DataError(f"{source}: no such file{near}: {remedy}")
    return Place(path, source)


def _check_kind(name: str, source: str) -> None:
    if ending_of(name) is None:
        packed = ", ".join(PACKED)
        raise DataError(
            f"{source}: unknown kind of file: give one of {', '.join(ENDINGS)} (text also in "
            f"{packed})"
        )


def _fetched(address: str, directory: Path, remedy: str) -> Place:
    """Copy a file from another machine."""
    parts = urlsplit(address)
    source = f"{parts.scheme}://{parts.hostname}{parts.path}"  # no password, no token
    name = Path(parts.path).name
    _check_kind(name, source)
    try:
        import fsspec
    except ImportError:
        raise MissingPackageError(
            f"{source}: an address needs fsspec: pip install 'searchlab[remote]'"
        ) from None
    directory.mkdir()
    doing(f"fetching {source}")
    try:
        with fsspec.open(address, "rb") as remote, (directory / name).open("wb") as local:
            shutil.copyfileobj(remote, local, 1 << 20)
    except ImportError as error:
        raise MissingPackageError(f"{source}: {error}: pip install 'searchlab[remote]'") from None
    except Exception as error:  # each protocol has errors of its own
        why = type(error).__name__ if address in str(error) else str(error).partition("\n")[0]
        why = "no such file" if isinstance(error, FileNotFoundError) else why
        raise DataError(f"{source}: cannot be fetched ({why}): {remedy}") from None
    return Place(directory / name, source)
