"""The versions of the libraries that results depend on."""

from __future__ import annotations

import contextlib
from importlib import metadata

_PACKAGES = (
    "tensorflow",
    "tensorflow-cpu",
    "keras",
    "keras-tuner",
    "optuna",
    "scikit-learn",
    "scikeras",
    "numpy",
)


def installed() -> dict[str, str]:
    """The versions by package, of those that are installed."""
    versions = {}
    for package in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return versions
