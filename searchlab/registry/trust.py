"""Trust in the code of models from MLflow, which runs with the rights of whoever loads it."""

from __future__ import annotations

import os
from pathlib import Path

from searchlab.errors import PackageError
from searchlab.tracking.mlflow.address import bare

SERVERS = "SEARCHLAB_TRUST_CODE_FROM"
"""The environment variable with the addresses, separated by commas, of trusted stores."""


def refuse_code(package: Path, model: str, uri: str) -> None:
    """Refuse a model that comes with code, unless its store is one of those that are trusted.

    Args:
        package: the model's package.
        model: its address, for the message.
        uri: the tracking URI, from `resolve_uri`.

    Raises:
        PackageError: if loading the model would run code.
    """
    from searchlab.inference.loading import has_code  # imports pandas and scikit-learn

    store = bare(uri)
    trusted = {bare(each.strip().rstrip("/")) for each in os.environ.get(SERVERS, "").split(",")}
    if store in trusted or not has_code(package):
        return
    raise PackageError(
        f"{model} comes with code, which would run here with your rights: if you trust whoever can "
        f"write to {store}, add --trust-code (trust_code=True in Python), or name it in {SERVERS}"
    )
