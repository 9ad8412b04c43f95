"""The parts of a study file that name studies: this one and those that it builds on."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, Tag

from searchlab.study.fields import Part, name_or_group

_LONGEST_NAME = 80
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def is_name(value: object) -> bool:
    """Return whether a study or a registered model may have this name."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _known_name(value: str) -> str:
    if not is_name(value):
        shown = repr(value) if len(value) <= _LONGEST_NAME else f"{value[:20]!r}..."
        raise ValueError(
            f"{shown} is not a study name: use up to {_LONGEST_NAME} letters, digits, '.', '_' and "
            "'-', of which the first is a letter or a digit"
        )
    return value


StudyName = Annotated[str, AfterValidator(_known_name)]
"""A valid name of a study and its directory."""


class InitialWeightsSpec(Part):
    """Transfer learning: each model's first layers start with weights of another study's model.

    Attributes:
        study: a finished study in the same working directory.
        layers: the number of layers with weights to copy; by default all but the last of the
            other model's.
        freeze: the number of epochs for which the copied layers are frozen. Early stopping is off
            in these epochs.
    """

    study: StudyName
    layers: Annotated[int, Field(ge=1)] | None = None
    freeze: Annotated[int, Field(ge=0)] = 0


InitialWeights = Annotated[
    Annotated[StudyName, Tag("<name>")] | Annotated[InitialWeightsSpec, Tag("<group>")],
    name_or_group(
        InitialWeightsSpec,
        "must be the name of a study, such as digits, or a group such as "
        "{study: digits, layers: 2, freeze: 5}",
    ),
]
