"""The versions of searchlab and of the libraries that results depend on."""

from __future__ import annotations

import contextlib
from importlib import metadata
from pathlib import Path

__version__ = "0.2.0"
"""searchlab's own version; the build reads it from here."""

PACKAGE = Path(__file__).resolve().parents[1]
"""The directory of the installed package."""

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
    """Return the versions of the installed packages by name."""
    versions = {}
    for package in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return versions
