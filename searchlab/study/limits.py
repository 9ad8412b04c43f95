"""The parts of a study file about limits, resources and failures of trials."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from searchlab.study.fields import Part

_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([KMG]I?B)?", re.IGNORECASE)
_LEAST = 500 * 10**6  # bytes; TensorFlow itself takes 300 to 400 MB


def _bytes(value: Any) -> int:
    """Convert `2GB`, `"500 MB"` or a plain number to bytes."""
    match = None if isinstance(value, bool) else _SIZE.fullmatch(str(value).strip())
    if match is None:
        raise ValueError("must be a size such as 500MB, 2GB or 2GiB, or a number of bytes")
    size = int(float(match[1]) * _UNITS[(match[2] or "").upper()])
    if size < _LEAST:
        raise ValueError(
            "is less than TensorFlow takes by itself: give 500MB or more, as it counts all "
            "resident memory of the worker process"
        )
    return size


class LimitsSpec(Part):
    """Limits of one trial. A trial that exceeds one is killed and is a FAIL.

    The limits also apply to the check of the model before trial 0 and to making the study's model
    at the end.

    Attributes:
        seconds: wall time of the trial, over all its folds.
        memory: resident memory of the trial's worker process in bytes, as `top` shows it: with
            the 300 to 400 MB of TensorFlow itself, without processes that the training starts.
    """

    seconds: Annotated[float, Field(gt=0)] | None = None
    memory: Annotated[int, BeforeValidator(_bytes, json_schema_input_type=int | str)] | None = None


def _whole_or_less(value: float) -> float:
    if value > 1 and value != int(value):
        raise ValueError("must be a whole number, or a fraction of one GPU, such as 0.5")
    return value


class ResourcesSpec(Part):
    """Resources of one training on a cluster's machine; as many run there at once as fit.

    Attributes:
        cpus: cores; with a fraction, several trainings share one.
        gpus: GPUs; with a fraction, several trainings share one. By default none is used.
        memory: bytes to reserve; only `training.limits.memory` ends a training.
    """

    cpus: Annotated[float, Field(gt=0)] = 1.0
    gpus: Annotated[float, Field(ge=0), AfterValidator(_whole_or_less)] = 0.0
    memory: Annotated[int, BeforeValidator(_bytes, json_schema_input_type=int | str)] | None = None


class RetrySpec(Part):
    """`{retry: 2}`: a failed trial is trained again, at most so many times, before it is a FAIL.

    Attributes:
        retry: the maximum of repetitions.
    """

    retry: Annotated[int, Field(ge=1, le=100)]


def _kind(value: Any) -> str | None:
    if isinstance(value, dict | RetrySpec):
        return "<retry>"
    return "<word>" if value in ("continue", "stop") else None


OnFailure = Annotated[
    Annotated[Literal["continue", "stop"], Tag("<word>")] | Annotated[RetrySpec, Tag("<retry>")],
    Discriminator(
        _kind,
        custom_error_type="either",
        custom_error_message="must be continue, stop or {retry: 2}",
    ),
]
"""The effect of a failed trial on its study."""
