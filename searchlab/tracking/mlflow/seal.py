"""The seal of a model's package: tags with the digest of its files and the team's signature.

The digest reveals files that somebody has changed in the store of artifacts. Whoever can write tags
as well can change both: only the signature reveals that.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from searchlab.core.digest import (
    KEY_FILE,
    directory_digest,
    is_signature,
    signature,
    signing_key,
)
from searchlab.errors import PackageError

PACKAGE = "searchlab.package"
SIGNATURE = "searchlab.signature"

_NOT_SENT = ("__pycache__",)  # MLflow leaves these out


def seal(package: Path) -> dict[str, str]:
    """Return the tags for a package that is about to be logged.

    Raises:
        InputError: if the team's key is configured and cannot be used.
        OSError: if the package cannot be read.
    """
    digest, key = directory_digest(package, _NOT_SENT), signing_key()
    signed = {} if key is None else {SIGNATURE: signature(digest, key)}
    return {PACKAGE: digest, **signed}


def seal_of(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of a seal among others."""
    return {name: tags[name] for name in (PACKAGE, SIGNATURE) if name in tags}


def check_seal(package: Path, tags: Mapping[str, str], model: str) -> None:
    """Refuse a downloaded package that is not the one that was sealed.

    Args:
        package: the package's directory.
        tags: the tags in the store.
        model: the model's address.

    Raises:
        PackageError: if files were changed, added or removed, or the signature is missing or wrong
            although the team's key is configured.
        InputError: if the key cannot be used.
    """
    digest, key = tags.get(PACKAGE), signing_key()
    if digest is None:
        raise PackageError(
            f"{model} has no tag {PACKAGE} to check its files by (searchlab has not registered it, "
            "or the tag was removed): if you trust its files, download them and give their path"
        )
    if digest != _digest(package):
        raise PackageError(
            f"{model} does not have the files that were registered, as somebody has changed them: "
            "do not use it, and register the model again from its study"
        )
    if key is not None and not is_signature(tags.get(SIGNATURE, ""), digest, key):
        what = "is signed with another key" if SIGNATURE in tags else "is not signed"
        raise PackageError(
            f"{model} {what}, and {KEY_FILE} is set: use a model that was registered with the "
            "team's key, or unset the variable"
        )


def _digest(package: Path) -> str | None:
    try:
        return directory_digest(package)
    except OSError:
        return None
