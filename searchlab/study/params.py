"""The params of a study file's space, as pydantic types."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, Tag, model_validator

from searchlab.core.domains import Choice, Domain, Float, Int, Scalar, When
from searchlab.core.space import check_condition
from searchlab.study.fields import MisplacedError, Part, PlainValues, as_scalar

KINDS = ("int", "float", "choice")
"""The kinds of params, by the key that tells them apart."""

_Whole = Annotated[
    int, Field(ge=-(2**53), le=2**53)
]  # the whole numbers that a float64 holds exactly


class WhenSpec(Part):
    """`when: {param: n_hidden, in: [2, 3]}`: the param is used only if another has such a value.

    Attributes:
        param: the other param, which must come before this one.
        values: the values of the other param for which this one is used.
    """

    param: str
    values: Annotated[tuple[PlainValues, ...], Field(alias="in", min_length=1)]

    def condition(self) -> When:
        """Return the condition for the search space."""
        return When(self.param, tuple(map(as_scalar, self.values)))


class _ParamSpec(Part):
    when: WhenSpec | None = None

    def domain(self) -> Domain:
        """Return the param for the search space."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.domain()
        return self

    def _condition(self) -> When | None:
        return None if self.when is None else self.when.condition()


class IntSpec(_ParamSpec):
    """`{int: [low, high]}`: whole numbers, both ends included.

    Attributes:
        when: the condition under which the param is used; by default always.
        range: the lowest and the highest value.
        step: the distance between neighbouring values.
        log: whether values are drawn evenly in their logarithm.
    """

    range: Annotated[tuple[_Whole, _Whole], Field(alias="int")]
    step: Annotated[int, Field(ge=1)] = 1
    log: bool = False

    def domain(self) -> Int:
        """Return the param for the search space."""
        return Int(*self.range, step=self.step, log=self.log, when=self._condition())


class FloatSpec(_ParamSpec):
    """`{float: [low, high]}`: real numbers; `log: true` for rates that span magnitudes.

    Attributes:
        when: the condition under which the param is used; by default always.
        range: the lowest and the highest value.
        step: the distance between neighbouring values; by default any value is allowed.
        log: whether values are drawn evenly in their logarithm.
    """

    range: Annotated[tuple[float, float], Field(alias="float")]
    step: Annotated[float, Field(gt=0)] | None = None
    log: bool = False

    def domain(self) -> Float:
        """Return the param for the search space."""
        return Float(*self.range, step=self.step, log=self.log, when=self._condition())


class ChoiceSpec(_ParamSpec):
    """`{choice: [a, b]}`: one of some plain values, or of some lists of them.

    Attributes:
        when: the condition under which the param is used; by default always.
        values: the values: numbers, text, true, false, null, or lists of these.
    """

    values: Annotated[tuple[PlainValues, ...], Field(alias="choice")]

    def domain(self) -> Choice:
        """Return the param for the search space."""
        return Choice(tuple(map(as_scalar, self.values)), when=self._condition())

    def value_of(self, scalar: Scalar) -> Any:
        """Return the value that a trial's param stands for: a list for the text of one."""
        value = self.values[self.domain().index(scalar)]
        return list(value) if isinstance(value, tuple) else value


def keys_of(domain: Domain) -> dict[str, Any]:
    """Return a param as the keys that a study file has for it."""
    if isinstance(domain, Choice):
        keys: dict[str, Any] = {"choice": list(domain.values)}
    else:
        keys = {type(domain).__name__.lower(): [domain.low, domain.high]}
        keys |= {"step": domain.step, "log": domain.log}
    if domain.when is not None:
        keys["when"] = {"param": domain.when.param, "in": list(domain.when.values)}
    return keys


def _kind(value: Any) -> str | None:
    if isinstance(value, IntSpec | FloatSpec | ChoiceSpec):
        return f"<{type(value).__name__.removesuffix('Spec').lower()}>"
    if not isinstance(value, dict):
        return None
    kinds = [kind for kind in KINDS if kind in value]
    return f"<{kinds[0]}>" if len(kinds) == 1 else None


# Tags are in angle brackets, so that they are never mistaken for keys in pydantic's errors.
ParamSpec = Annotated[
    Annotated[IntSpec, Tag("<int>")]
    | Annotated[FloatSpec, Tag("<float>")]
    | Annotated[ChoiceSpec, Tag("<choice>")],
    Discriminator(_kind, custom_error_type="param_kind", custom_error_message="is not a param"),
]
"""One param of the space."""


def check_space(params: Mapping[str, ParamSpec]) -> None:
    """Refuse names that cannot be arguments, and conditions that cannot be met.

    Raises:
        MisplacedError: for the first of them.
    """
    earlier: dict[str, Domain] = {}
    for name, param in params.items():
        if not name.isidentifier() or keyword.iskeyword(name):
            hint = "".join(char if char.isalnum() else "_" for char in name)
            hint = f"{hint}_" if keyword.iskeyword(hint) else hint
            hint = f", such as {hint}" if hint.isidentifier() else ""
            message = f"{name!r} cannot be an argument of a function: use another name{hint}"
            raise MisplacedError((name,), message)
        domain = param.domain()
        if domain.when is not None:
            try:
                check_condition(name, domain.when, earlier, params)
            except ValueError as error:
                raise MisplacedError((name, "when"), str(error)) from None
        earlier[name] = domain
