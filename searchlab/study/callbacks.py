"""The callbacks of a study file: Keras' own by name, and the user's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Tag

from searchlab.core.domains import Params
from searchlab.core.nearest import LENIENT, did_you_mean
from searchlab.study.fields import MisplacedError, PlainValues
from searchlab.study.objective import ObjectiveSpec, direction_of

PREFIX = "callbacks__"
"""The beginning of the name of a param that is an argument of a callback."""

PLATEAU, SCHEDULER, NAN, RATIO = (
    "reduce_lr_on_plateau",
    "learning_rate_scheduler",
    "terminate_on_nan",
    "val_train_ratio",
)
KNOWN = (PLATEAU, SCHEDULER, NAN, RATIO, "lambda_callback", "remote_monitor", "swap_ema_weights")
"""The callbacks that a study can name: Keras' own, and the ratio of two losses."""

_WEIGHTS = (
    "searchlab keeps the weights of the best trials and the study's model by itself; for the \
weights of the best epoch write training.early_stopping: {restore_best_weights: true}"
)
_EPOCHS = "MLflow and searchlab report have each epoch's metrics: leave it out"
_INSTEAD = {
    "early_stopping": "write it as training.early_stopping: {patience: 10}",
    "model_checkpoint": _WEIGHTS,
    "orbax_checkpoint": _WEIGHTS,
    "backup_and_restore": "a study that was stopped continues by itself when it is run again: "
    "leave it out",
    "csv_logger": _EPOCHS,
    "history": _EPOCHS,
    "tensor_board": _EPOCHS,
    "progbar_logger": "searchlab run shows the progress by itself: leave it out",
}
_CODE = re.compile(r"[\w./-]+\.py:\w+|[A-Za-z_]\w*(?:\.\w+)*:[A-Za-z_]\w*")


@dataclass(frozen=True)
class Given:
    """A callback as the study names it.

    Attributes:
        name: the name of one of `KNOWN`, or of the user's class or function.
        code: the reference to the user's class or function, or None.
        arguments: its arguments; references to functions are texts.
    """

    name: str
    code: str | None
    arguments: Mapping[str, Any]

    @property
    def references(self) -> tuple[str, ...]:
        """The references to code of the user's, its own and those among its arguments."""
        found = [self.code, *filter(is_code, self.arguments.values())]
        return tuple(each for each in found if each is not None)


def is_code(value: Any) -> bool:
    """Return whether an argument is a reference to a function, such as `my.py:halve`."""
    return isinstance(value, str) and _CODE.fullmatch(value) is not None


def _kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "<name>"
    return "<group>" if isinstance(value, dict) and len(value) == 1 else None


def _known(value: Any) -> Any:
    """Refuse names that are no callbacks, and callbacks of what searchlab does by itself."""
    (name,) = [value] if isinstance(value, str) else value
    squeezed = {each.replace("_", ""): each for each in (*KNOWN, *_INSTEAD)}
    meant = squeezed.get(name.replace("_", "").lower(), "")
    if meant in _INSTEAD:
        raise ValueError(f"{name}: {_INSTEAD[meant]}")
    if name not in KNOWN and not is_code(name):
        others = f"there is: {', '.join(KNOWN)}"
        hint = did_you_mean(meant or name, KNOWN, others, likeness=LENIENT)
        raise ValueError(f"there is no callback {name}; {hint}; your own is my.py:MyCallback")
    return value


Callback = Annotated[
    Annotated[str, Tag("<name>")]
    | Annotated[dict[str, dict[str, PlainValues] | None], Tag("<group>")],
    Discriminator(
        _kind,
        custom_error_type="either",
        custom_error_message="must be a callback's name, or one name with its arguments, such as "
        "{reduce_lr_on_plateau: {patience: 3}}",
    ),
    AfterValidator(_known),
]
"""A callback in a study file."""


def given(callback: str | Mapping[str, Mapping[str, Any] | None]) -> Given:
    """Return a callback of a study file in its parts."""
    name, arguments = (callback, {}) if isinstance(callback, str) else next(iter(callback.items()))
    plain = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in (arguments or {}).items()
    }
    code = name if is_code(name) else None
    return Given(name.rpartition(":")[2], code, plain)


def with_params(callback: Given, params: Params) -> Given:
    """Return a callback with the arguments that a trial's params have for it."""
    prefix = f"{PREFIX}{callback.name}__"
    own = {
        name.removeprefix(prefix): value
        for name, value in params.items()
        if name.startswith(prefix)
    }
    return replace(callback, arguments={**callback.arguments, **own}) if own else callback


def mode_of(callback: Given, objective: ObjectiveSpec) -> str | None:
    """Return whether a callback waits for the least or the largest value; None if unknown."""
    if "mode" in callback.arguments:
        return str(callback.arguments["mode"])
    monitor = str(callback.arguments.get("monitor", "val_loss"))
    way = objective.way if monitor == objective.metric else direction_of(monitor)
    return {"minimize": "min", "maximize": "max"}.get(way or "")


def check_callbacks(
    callbacks: tuple[Given, ...], space: Mapping[str, Any], objective: ObjectiveSpec
) -> None:
    """Refuse callbacks that cannot do what they are for, and params of callbacks not there.

    Raises:
        MisplacedError: for the first of them, with its key in the study.
    """
    for place, each in enumerate(callbacks):
        key = ("training", "callbacks", str(place))
        if each.name == PLATEAU and each.code is None and mode_of(each, objective) is None:
            raise MisplacedError(
                key,
                f"is {each.arguments.get('monitor')} better when low or high? Add mode: min or max",
            )
        if each.name == SCHEDULER and not is_code(each.arguments.get("schedule")):
            raise MisplacedError(
                key,
                "needs a function of the epoch, from 0, and the rate so far: add schedule: "
                "my.py:schedule",
            )
    names = [each.name for each in callbacks]
    for name in space:
        if not name.startswith(PREFIX):
            continue
        of = name.removeprefix(PREFIX).rpartition("__")[0]
        if names.count(of) != 1:
            many = "is for one of several" if of in names else "is for a callback that is not there"
            raise MisplacedError(
                ("space", name),
                f"{many}: name {of or 'it'} once in training.callbacks; a param is "
                f"{PREFIX}NAME__ARGUMENT",
            )
