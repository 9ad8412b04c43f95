"""Strict types for the parts of a study file, with errors that people understand."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, ValidationError, WrapValidator
from pydantic_core import PydanticCustomError

from searchlab.core.domains import Scalar

_ATTRIBUTE = re.compile(r"^    (\w+): (.*(?:\n        .*)*)", re.MULTILINE)


def _describe(schema: dict[str, Any], part: type[BaseModel]) -> None:
    """Move the description of each attribute from the docstring to its key in the JSON schema."""
    for each in part.__mro__[::-1]:
        if each is BaseModel or not issubclass(each, BaseModel):
            continue
        said, _, attributes = inspect.cleandoc(each.__doc__ or "").partition("\n\nAttributes:\n")
        schema["description"] = said or schema.get("description", "")
        for name, text in _ATTRIBUTE.findall(attributes):
            key = part.model_fields[name].alias or name
            described = " ".join(text.split())
            schema["properties"][key]["description"] = described[:1].upper() + described[1:]


class Part(BaseModel):
    """A part of a study file that refuses unknown keys and wrong types."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        json_schema_extra=_describe,
    )


class MisplacedError(ValueError):
    """A problem of a key below the one that is being checked.

    Attributes:
        key: the path from the checked key down to the wrong one.
    """

    def __init__(self, key: tuple[str, ...], message: str) -> None:
        self.key = key
        super().__init__(message)


def either(message: str) -> WrapValidator:
    """Give a union one message in place of pydantic's one for each member.

    Args:
        message: the requirement, such as "must be text or a list".
    """

    def check(value: Any, handler: Callable[[Any], Any]) -> Any:
        try:
            return handler(value)
        except ValidationError:
            if isinstance(value, float) and not math.isfinite(value):
                raise PydanticCustomError("finite_number", "must be a finite number") from None
            raise PydanticCustomError("either", "{message}", {"message": message}) from None

    return WrapValidator(check)


def name_or_group(group: type[Part], message: str) -> Discriminator:
    """Discriminate a union of a name, tagged `<name>`, and a group of keys, tagged `<group>`.

    Args:
        group: the group's type.
        message: the requirement, for values of another kind.
    """

    def kind(value: Any) -> str | None:
        if isinstance(value, str):
            return "<name>"
        return "<group>" if isinstance(value, dict | group) else None

    return Discriminator(kind, custom_error_type="either", custom_error_message=message)


OR_A_LIST = Field(strict=False)
"""Lets a list of a file be a tuple below `either`, where pydantic takes it for Python's own."""

PlainValue = Annotated[
    Scalar, either("must be a plain value, that is a number, text, true, false or null")
]
"""A value of a param."""

PlainValues = Annotated[
    Scalar | Annotated[tuple[Scalar, ...], OR_A_LIST],
    either("must be a plain value or a list of plain values"),
]
"""A fixed argument of a model factory."""


def as_scalar(value: Any) -> Any:
    """Return a value as a param has it: a list is the text that the file has for it.

    Every search library and MLflow take text.
    """
    return str(list(value)) if isinstance(value, tuple) else value
