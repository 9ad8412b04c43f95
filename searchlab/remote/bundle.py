"""What a study needs that is run elsewhere: its files, and how `searchlab run` is called there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from searchlab.errors import InputError
from searchlab.executors.cluster.transfer import (
    Files,
    pack_code,
    relative_reference,
    rooted,
    unpack,
)
from searchlab.study.file import StudyFile
from searchlab.tracking.mlflow.address import redact, resolve_uri

_SERVERS = ("http", "https")


@dataclass(frozen=True)
class Bundle:
    """A study on its way to a cluster.

    Attributes:
        name: of the study.
        files: the study file, its data file and the user's code, by their paths relative to the
            root "/", so that what names another by a relative path still finds it.
        study: the study file's path among them.
        settings: what wins over the file, by dotted key.
        tracking_uri: the MLflow server, or None for what the cluster's head uses.
    """

    name: str
    files: Files
    study: str
    settings: Mapping[str, Any]
    tracking_uri: str | None

    def unpack(self, directory: Path) -> Path:
        """Writes the files below a directory; where the study file is.

        Raises:
            StorageError: if one cannot be written.
        """
        unpack(self.files, directory)
        return directory / self.study


def bundle(file: StudyFile, settings: Mapping[str, Any], tracking_uri: str | None) -> Bundle:
    """Packs a study.

    Args:
        file: the study, with the settings applied.
        settings: what wins over the file, by dotted key.
        tracking_uri: an MLflow server, or None for what the cluster's head uses.

    Raises:
        InputError: if there is more code than can be meant.
        OSError: if a file cannot be read.
    """
    spec, study = file.spec, file.path.resolve()
    base = study.parent
    files = {rooted(study): np.fromfile(study, np.uint8)}
    files.update(pack_code(spec.factory.factory, base))
    moved: dict[str, Any] = {}
    if spec.data.path is not None:
        data = (base / spec.data.path).resolve()
        files[rooted(data)] = np.fromfile(data, np.uint8)
        moved["data.path"] = os.path.relpath(data, base)
    reference = relative_reference(spec.factory.factory, base)
    if reference != spec.factory.factory:
        moved["model" if isinstance(spec.model, str) else "model.factory"] = reference
    return Bundle(spec.name, files, rooted(study), {**settings, **moved}, tracking_uri)


def server_uri(option: str | None) -> str | None:
    """The MLflow server that a study on a cluster is told to use; None leaves that to its head.

    Args:
        option: what the user gave; without it the variable MLFLOW_TRACKING_URI counts.

    Raises:
        InputError: if it is a file of this machine, or has a password in it.
        TrackingError: if MLflow has no store for such a URI.
    """
    if option is None and not os.environ.get("MLFLOW_TRACKING_URI"):
        return None
    uri = resolve_uri(option, Path.cwd())
    if redact(uri) != uri:
        raise InputError(
            f"the tracking URI {redact(uri)} has a password in it, which would be kept on the "
            "cluster: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD where its head "
            "starts, and leave the password out"
        )
    if uri.partition("://")[0] in _SERVERS:
        return uri
    if option is None:  # the environment speaks of this machine
        return None
    raise InputError(
        f"the tracking URI {uri} is no MLflow server, so a cluster cannot reach it: give one, as "
        "http://host:5000, or leave --tracking-uri out to use what the cluster's head uses"
    )
