"""Everything needed to run a study elsewhere: its files and the options of `searchlab run`."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from searchlab.data.catalog import is_clutter
from searchlab.errors import InputError
from searchlab.executors.cluster.transfer import (
    Files,
    pack_code,
    relative_reference,
    rooted,
    unpack,
)
from searchlab.factories.sources import inside, own_files
from searchlab.study.file import StudyFile
from searchlab.study.sought import Sought, changed
from searchlab.study.spec import StudySpec
from searchlab.tracking.mlflow.address import redact, resolve_uri

_SERVERS = ("http", "https")


@dataclass(frozen=True)
class Bundle:
    """A study packed for a cluster.

    Attributes:
        name: name of the study.
        files: the study file, its data file and the user's code, by their paths relative to the
            root "/", so that relative paths between them stay valid.
        study: the study file's key in `files`.
        settings: overrides of the study file, by dotted key.
        tracking_uri: the MLflow server, or None to use the setting of the cluster's head.
    """

    name: str
    files: Files
    study: str
    settings: Mapping[str, Any]
    tracking_uri: str | None

    def unpack(self, directory: Path) -> Path:
        """Write the files below a directory; return the path of the study file.

        Raises:
            StorageError: if a file cannot be written.
        """
        unpack(self.files, directory)
        return directory / self.study


def bundle(file: StudyFile, settings: Mapping[str, Any], tracking_uri: str | None) -> Bundle:
    """Pack a study.

    Args:
        file: the study, with the settings applied.
        settings: overrides of the study file, by dotted key.
        tracking_uri: an MLflow server, or None to use the setting of the cluster's head.

    Raises:
        InputError: if a file is a link out of its directory.
        OSError: if a file cannot be read.
    """
    spec, study = file.spec, file.path.resolve()
    base = study.parent
    files = {rooted(study): np.fromfile(study, np.uint8)}
    files.update(pack_code(own_files(spec, spec.code, base)))
    moved: dict[str, Any] = {}
    for key, value in _references(spec).items():
        if (where := changed(value, lambda each: relative_reference(each, base))) != value:
            moved[key] = where if isinstance(where, str) else where.model_dump(by_alias=True)
    if spec.training.code:
        training = spec.training.relocated(lambda each: relative_reference(each, base))
        moved["training.callbacks"] = training.model_dump(mode="json")["callbacks"]
    for key, given in spec.data.files.items():
        names = [given] if isinstance(given, str) else list(given)
        places = [name if "://" in name else (base / name).resolve() for name in names]
        found = [file for place in places if isinstance(place, Path) for file in _files(place)]
        files.update({_key(each): np.fromfile(each, np.uint8) for each in found})
        relative = [os.path.relpath(p, base) if isinstance(p, Path) else p for p in places]
        moved[f"data.{key}"] = relative[0] if isinstance(given, str) else relative
    return Bundle(spec.name, files, rooted(study), {**settings, **moved}, tracking_uri)


def _references(spec: StudySpec) -> dict[str, str | Sought[str]]:
    """Return the values that may be references to code by their keys."""
    data = spec.data
    return {
        "model" if isinstance(spec.model, str) else "model.factory": spec.factory.factory,
        "data.function": data.function or "",
        **data.transformers,
    }


def _files(path: Path) -> list[Path]:
    """Return the data files that a path or a pattern stands for, as the study reads them."""
    names = [str(path)] if path.exists() else glob.glob(str(path), recursive=True)  # noqa: PTH207
    found = [Path(each) for each in names]
    return [file for each in found for file in (_below(each) if each.is_dir() else [each])]


def _below(directory: Path) -> list[Path]:
    """Return the files of a directory and below that may be data, not the system's own."""
    root = directory.resolve()
    files = [each for each in root.rglob("*") if each.is_file()]
    return [inside(each, root) for each in files if not is_clutter(each.relative_to(root))]


def _key(file: Path) -> str:
    """Return a file's path relative to "/"; a link's own, as a pattern finds it by its name."""
    return f"{rooted(file.parent)}/{file.name}"


def server_uri(option: str | None) -> str | None:
    """Return the MLflow server for a study on a cluster, or None to let its head decide.

    Args:
        option: the user's option; defaults to the variable MLFLOW_TRACKING_URI.

    Raises:
        InputError: if the URI is a file on this machine or contains a password.
        TrackingError: if MLflow has no store for the URI.
    """
    if option is None and not os.environ.get("MLFLOW_TRACKING_URI"):
        return None
    uri = resolve_uri(option, Path.cwd())
    if redact(uri) != uri:
        raise InputError(
            f"the tracking URI {redact(uri)} contains a password, which would be stored on the "
            "cluster: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD where its head "
            "starts, and remove the password"
        )
    if uri.partition("://")[0] in _SERVERS:
        return uri
    if option is None:  # the variable is about this machine, not the cluster
        return None
    raise InputError(
        f"the tracking URI {uri} is not an MLflow server, so a cluster cannot reach it: give one, "
        "such as http://host:5000, or omit --tracking-uri to use the setting of the cluster's head"
    )
