"""Directories of pictures and of texts, one below it for each class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array
from searchlab.core.progress import counted
from searchlab.data.catalog import is_clutter
from searchlab.data.reading.raw import Raw
from searchlab.errors import DataError
from searchlab.study.data import DataSpec

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
"""The endings of pictures."""

TEXT_COLUMN = "text"
"""The only column of a directory of texts."""

_CLASS = "class"  # the target's name where the study gives none


def read_folder(spec: DataSpec, path: Path, name: str, source: str) -> Raw:
    """Read a directory with a directory of pictures or texts for each class.

    Args:
        spec: the name of the target, and the size of the pictures.
        path: the directory.
        name: the name of the data set.
        source: the directory's name in messages.

    Raises:
        DataError: if it holds anything else, or the pictures have different sizes.
    """
    files = files_in(path, source)
    loose = next((each for each in files if each.parent == path), None)
    if loose is not None:
        raise DataError(
            f"{source}: {loose.name} is in no directory of a class: move it to one, such as "
            f"{source}/CLASS/{loose.name}; for several tables give a pattern, such as "
            f"{source}/*.csv"
        )
    rows = pd.Index([each.relative_to(path).as_posix() for each in files])
    classes = [each.relative_to(path).parts[0] for each in files]
    target = spec.target or _CLASS
    y = pd.Series(classes, index=rows, name=target)
    if files[0].suffix.lower() in PICTURES:
        images = read_pictures(files, source, spec.image_size)
        return Raw(name, source, images, y, target)
    return Raw(name, source, read_texts(files, source, rows), y, target, texts="files of text")


def files_in(path: Path, source: str) -> list[Path]:
    """Return all pictures or all texts below a directory, sorted by their paths.

    Raises:
        DataError: if there are none, or others among them.
    """
    found = (each for each in sorted(path.rglob("*")) if not is_clutter(each.relative_to(path)))
    files = [each for each in found if each.is_file()]
    kinds = {_kind(each) for each in files}
    if not files or len(kinds) > 1 or "" in kinds:
        strange = next((each.name for each in files if not _kind(each)), "")
        what = f"{strange} is neither" if strange else "it has none, or both"
        raise DataError(
            f"{source}: a directory holds pictures ({', '.join(PICTURES)}) or texts (.txt), and "
            f"{what}: name the file, or give a pattern, such as {source}/*.csv"
        )
    return files


def _kind(path: Path) -> str:
    ending = path.suffix.lower()
    return "picture" if ending in PICTURES else "text" if ending == ".txt" else ""


def read_texts(files: Sequence[Path], source: str, rows: pd.Index[str]) -> pd.DataFrame:
    """Read text files as the rows of one column.

    Raises:
        DataError: if one is not UTF-8.
    """
    texts = []
    for file in counted(files, "reading texts:"):
        try:
            texts.append(file.read_text(encoding="utf-8-sig"))
        except UnicodeDecodeError:
            raise DataError(f"{source}: {file.name} is not UTF-8: write it again") from None
    return pd.DataFrame({TEXT_COLUMN: texts}, index=rows)


def read_pictures(
    files: Sequence[Path], source: str, size: Sequence[int] | None, channels: int | None = None
) -> Array:
    """Read pictures.

    Args:
        files: the pictures.
        source: their directory's name in messages.
        size: height and width to which they are scaled; None if all have one size.
        channels: 1 for grey, 3 for colours; None for grey if all are.

    Returns:
        uint8 (n, height, width, channels): pictures as viewers show them, upright and on white.

    Raises:
        DataError: if one cannot be read, or they have different sizes.
    """
    from PIL import Image, UnidentifiedImageError

    grey = channels == 1
    if channels is None:
        grey = all(_is_grey(file) for file in files)
    images: Array | None = None
    for number, file in enumerate(counted(files, "reading pictures:")):
        try:
            with Image.open(file) as opened:
                if opened.mode[0] in "IF":  # Pillow would make most of them white
                    raise DataError(
                        f"{source}: {file.name} has pixels of more than 8 bits: convert the "
                        "pictures to 8 bits, or give the pixels as an array in an NPZ file"
                    )
                picture = _upright(opened).convert("L" if grey else "RGB")
        except (UnidentifiedImageError, OSError) as error:
            raise DataError(f"{source}: {file.name} is no picture ({error}): remove it") from None
        if size is not None and picture.size != (size[1], size[0]):
            picture = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
        pixels = np.asarray(picture).reshape(picture.height, picture.width, -1)
        if images is None:
            images = np.empty((len(files), *pixels.shape), np.uint8)
        if pixels.shape != images.shape[1:]:
            raise DataError(
                f"{source}: {files[0].name} has {images.shape[1]} x {images.shape[2]} pixels and "
                f"{file.name} {pixels.shape[0]} x {pixels.shape[1]}: say data.image_size: "
                "[height, width]"
            )
        images[number] = pixels
    return np.empty((0, 0, 0, 1), np.uint8) if images is None else images


def _upright(opened: Any) -> Any:
    """Return a picture as viewers show it: turned as its EXIF data say, transparency on white."""
    from PIL import Image, ImageOps

    picture = ImageOps.exif_transpose(opened)
    if not picture.has_transparency_data:
        return picture
    picture = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)


def _is_grey(file: Path) -> bool:
    from PIL import Image

    try:
        with Image.open(file) as opened:  # reads no pixels
            return opened.mode in {"1", "L", "LA", "I;16"}
    except OSError:
        return False
