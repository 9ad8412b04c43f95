"""The values that a param may take, each kind a type: whole numbers, real numbers, choices."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

Scalar = bool | int | float | str | None
"""A plain value of a param, as YAML and JSON write it."""

Params = Mapping[str, Scalar]
"""One trial's params: values by name."""


MOST_STEPS = 100_000
"""The most values of a range of real numbers with steps, of which some libraries make a list."""


@dataclass(frozen=True)
class When:
    """A condition: a param is active only if another one has one of some values.

    Attributes:
        param: the name of the other param, which comes earlier in the space.
        values: the values of the other param that make this one active.

    Raises:
        ValueError: if the values are not a collection of plain values, or there is none.
    """

    param: str
    values: tuple[Scalar, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _plain_values(self.values, "values"))
        if not self.values:
            raise ValueError(f"give at least one value of {self.param}, such as [2, 3]")

    def holds(self, params: Params) -> bool:
        """Return whether the condition is met by the params chosen so far."""
        return self.param in params and any(
            _same(params[self.param], value) for value in self.values
        )


@dataclass(frozen=True)
class Int:
    """Whole numbers from `low` to `high`, both included.

    Raises:
        ValueError: if the range is empty, the step is below 1, a log range starts below 1, or
            something given is of another type.
    """

    low: int
    high: int
    step: int = 1
    log: bool = False
    when: When | None = None

    def __post_init__(self) -> None:
        for name in ("low", "high", "step"):
            object.__setattr__(self, name, _whole(getattr(self, name), name))
        _check_settings(self.log, self.when)
        _check_range(self.low, self.high)
        if self.step < 1:
            raise ValueError(f"step must be at least 1, got {self.step}")
        if self.log and self.low < 1:
            raise ValueError(
                f"a log range must start at 1 or more, got {self.low}: raise it, or drop log"
            )
        if self.log and self.step != 1:
            raise ValueError("log and step exclude each other: leave one of them out")
        if (self.high - self.low) % self.step:
            top = self.high - (self.high - self.low) % self.step
            raise ValueError(f"step {self.step} does not lead to {self.high}: end at {top}")

    @property
    def count(self) -> int:
        """The number of values."""
        return (self.high - self.low) // self.step + 1

    def contains(self, value: Scalar) -> bool:
        """Return whether `value` is a plain Python int of this range."""
        return (
            type(value) is int
            and self.low <= value <= self.high
            and (value - self.low) % self.step == 0
        )


@dataclass(frozen=True)
class Float:
    """Real numbers from `low` to `high`.

    Raises:
        ValueError: if the range is empty or not finite, a log range starts at 0 or below, a step
            makes too many values, or something given is of another type.
    """

    low: float
    high: float
    step: float | None = None
    log: bool = False
    when: When | None = None

    def __post_init__(self) -> None:
        for name in ("low", "high") if self.step is None else ("low", "high", "step"):
            object.__setattr__(self, name, _real(getattr(self, name), name))
        _check_settings(self.log, self.when)
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            raise ValueError(f"both ends must be finite, got [{self.low}, {self.high}]")
        if not math.isfinite(self.high - self.low):
            raise ValueError(f"the range from {self.low} to {self.high} is too wide: narrow it")
        _check_range(self.low, self.high)
        if self.log and self.low <= 0:
            raise ValueError(
                f"a log range must start above 0, got {self.low}: raise it, or drop log"
            )
        if self.step is not None and not (self.step > 0 and math.isfinite(self.step)):
            raise ValueError(f"step must be above 0, got {self.step}")
        if self.log and self.step is not None:
            raise ValueError("log and step exclude each other: leave one of them out")
        if self.step is not None and self.low < self.high < self.low + self.step:
            raise ValueError(f"step {self.step} leads past the high end {self.high}: make it less")
        if self.step is not None and self._steps > MOST_STEPS:
            raise ValueError(
                f"step {self.step} makes {self._steps:,.0f} values, more than {MOST_STEPS:,}: make "
                "it larger, or leave it out for all numbers in between"
            )

    @property
    def count(self) -> int | None:
        """The number of values; None for a range without steps."""
        if self.low == self.high:
            return 1
        return None if self.step is None else int(self._steps)

    @property
    def _steps(self) -> float:
        """The number of values of a range with steps, before it is rounded down."""
        return (self.high - self.low) / (self.step or 1.0) + 1 + 1e-9

    def contains(self, value: Scalar) -> bool:
        """Return whether `value` is a plain Python float of this range."""
        slack = 1e-9 * max(abs(self.low), abs(self.high))
        return type(value) is float and self.low - slack <= value <= self.high + slack


@dataclass(frozen=True, init=False)
class Choice:
    """One of some plain values.

    Raises:
        ValueError: if a value is repeated, not finite or not plain, or there is none.
    """

    values: tuple[Scalar, ...]
    when: When | None

    def __init__(self, values: Iterable[Scalar], when: When | None = None) -> None:
        """Take the values in their order, from a list or anything else that has one."""
        object.__setattr__(self, "values", _plain_values(values, "choices"))
        object.__setattr__(self, "when", when)
        _check_settings(log=False, when=when)
        self._check()

    def _check(self) -> None:
        if not self.values:
            raise ValueError("give at least one choice, such as choice: [relu, elu]")
        seen = set()
        for value in self.values:
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"choices must be finite, got {value}")
            if (type(value), value) in seen:  # the type tells 1, 1.0 and True apart
                raise ValueError(f"the choice {value!r} appears twice: remove one")
            seen.add((type(value), value))

    @property
    def count(self) -> int:
        """The number of values."""
        return len(self.values)

    def contains(self, value: Scalar) -> bool:
        """Return whether `value` is one of the choices and of the same type."""
        return any(_same(value, choice) for choice in self.values)

    def index(self, value: Scalar) -> int:
        """Return the position of a choice.

        Raises:
            ValueError: if `value` is not one of the choices.
        """
        for position, choice in enumerate(self.values):
            if _same(value, choice):
                return position
        raise ValueError(f"{value!r} is not one of the choices {list(self.values)}")


Domain = Int | Float | Choice
"""The values that one param may take."""


def _same(a: Scalar, b: Scalar) -> bool:
    """Return whether two values are equal and of one type: 1, 1.0 and True differ."""
    return type(a) is type(b) and a == b


def _whole(value: object, name: str) -> int:
    """Return a whole number of any library as a plain int."""
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise ValueError(f"{name} must be a whole number, got {value!r}") from None


def _real(value: object, name: str) -> float:
    """Return a number of any library as a plain float."""
    try:
        if isinstance(value, bool | str | bytes):
            raise TypeError
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number, got {value!r}") from None
    except OverflowError:
        raise ValueError(f"{name} is too large for a number with a point: make it less") from None


def _plain_values(values: object, name: str) -> tuple[Scalar, ...]:
    """Return a collection's values in their order, with NumPy's as plain ones."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise ValueError(f"give a list of {name}, such as [{values!r}]")
    if isinstance(values, Set | Mapping):  # a set of texts has another order in each process
        raise ValueError(f"give a list of {name}: a {type(values).__name__} has no fixed order")
    found = tuple(each.item() if hasattr(each, "item") else each for each in values)
    for each in found:
        if not isinstance(each, bool | int | float | str | None):
            hint = ""
            if isinstance(each, list | tuple):
                hint = f": write lists as in a study file, {{'choice': [{list(each)!r}, ...]}}"
            raise ValueError(
                f"{name} must be plain values (numbers, texts, True, False or None), got {each!r}"
                f"{hint}"
            )
    return found


def _check_settings(log: object, when: object) -> None:
    if not isinstance(log, bool):
        raise ValueError(f"log must be True or False, got {log!r}")
    if not isinstance(when, When | None):
        raise ValueError(f"when must be a When, such as When('n_hidden', [2, 3]), got {when!r}")


def _check_range(low: float, high: float) -> None:
    if low > high:
        raise ValueError(f"the low end {low} is above the high end {high}: swap them")
