"""Metrics of classes for models whose target is class numbers, one-hot rows or a single column.

Keras' own take one-hot rows only, or two classes only. All see the classes as a prediction names
them: the likeliest one, or with a single output the second one from a probability of 0.5 on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from searchlab.private.keras import compiled_arguments


class _Confusion:
    """The rows of each class (axis 0) that were taken for each class (axis 1), weighted."""

    def __init__(self, matrix: Any) -> None:
        self.hits = ops.diagonal(matrix)
        self.actual, self.taken = ops.sum(matrix, axis=1), ops.sum(matrix, axis=0)

    def recall(self) -> Any:
        return _ratio(self.hits, self.actual)

    def precision(self) -> Any:
        return _ratio(self.hits, self.taken)

    def f1(self) -> Any:
        return _ratio(2 * self.hits, self.actual + self.taken)

    def mean(self, values: Any, among: Any) -> Any:
        """Return the mean over the classes that occur; of two classes, the second one's value."""
        if values.shape[0] == 2:  # noqa: PLR2004
            return values[1]
        return ops.sum(ops.where(among > 0, values, 0.0)) / ops.sum(ops.cast(among > 0, "float32"))


def _ratio(part: Any, whole: Any) -> Any:
    return ops.where(whole > 0, part / ops.where(whole > 0, whole, 1.0), 0.0)


def _balanced(of: _Confusion) -> Any:
    occurs = ops.cast(of.actual > 0, "float32")
    return ops.sum(of.recall() * occurs) / ops.sum(occurs)


_VALUES: dict[str, Callable[[_Confusion], Any]] = {
    "balanced_accuracy": _balanced,
    "precision": lambda of: of.mean(of.precision(), of.actual + of.taken),
    "recall": lambda of: of.mean(of.recall(), of.actual + of.taken),
    "f1": lambda of: of.mean(of.f1(), of.actual + of.taken),
}
_CURVES = {"auc": "ROC", "pr_auc": "PR"}


class Decided(keras.metrics.Metric):  # type: ignore[misc]
    """A metric of the classes that a model decides for: scikit-learn's value on the same rows.

    With two classes, precision, recall and F1 are of the second one, else the mean over classes.
    """

    def __init__(self, name: str, classes: int, *, logits: bool) -> None:
        """Measure a model.

        Args:
            name: one of `balanced_accuracy`, `precision`, `recall`, `f1`.
            classes: the number of classes.
            logits: whether the model's outputs are logits.
        """
        super().__init__(name=name)
        self._classes, self._logits = classes, logits
        self._matrix = self.add_variable((classes, classes), "zeros", name="confusion")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count rows: targets (n,), (n, 1) or one-hot, outputs (n,), (n, 1) or (n, classes)."""
        likely = _probabilities(y_pred, self._logits)
        second = len(likely.shape) == 1
        taken = ops.cast(likely >= 0.5, "int32") if second else ops.argmax(likely, axis=1)  # noqa: PLR2004
        actual = ops.one_hot(_numbers(y_true), self._classes)
        rows = ops.one_hot(taken, self._classes)
        if sample_weight is not None:
            rows *= ops.reshape(ops.cast(sample_weight, "float32"), (-1, 1))
        self._matrix.assign(self._matrix + ops.matmul(ops.transpose(actual), rows))

    def result(self) -> Any:
        """Return the value, a float32 scalar."""
        return _VALUES[self.name](_Confusion(self._matrix))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"name": self.name, "classes": self._classes, "logits": self._logits}


class Area(keras.metrics.AUC):  # type: ignore[misc]
    """Keras' area under a curve, with more than two classes the mean of each against the others."""

    def __init__(self, name: str, classes: int, *, logits: bool) -> None:
        """Measure a model; for the arguments see `Decided`; the name is `auc` or `pr_auc`."""
        several: dict[str, Any] = {"multi_label": True, "num_labels": classes}
        super().__init__(curve=_CURVES[name], name=name, **(several if classes > 2 else {}))  # noqa: PLR2004
        self._of, self._logits = classes, logits

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count rows; see `Decided.update_state`."""
        likely, numbers = _probabilities(y_pred, self._logits), _numbers(y_true)
        if self._of > 2:  # noqa: PLR2004
            super().update_state(ops.one_hot(numbers, self._of), likely, sample_weight)
            return
        second = likely if len(likely.shape) == 1 else likely[:, 1]
        super().update_state(ops.cast(numbers, "float32"), second, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"name": self.name, "classes": self._of, "logits": self._logits}


def metric_of_classes(name: str, classes: int, *, logits: bool) -> Any:
    """Return a new metric of classes by its name, one of `core.metrics`."""
    return (Area if name in _CURVES else Decided)(name, classes, logits=logits)


def without_own(model: Any) -> None:
    """Take the metrics of this module off a model, so that it can be loaded without searchlab."""
    given = compiled_arguments(model)["weighted_metrics"] if model.compiled else None
    own = [each for each in given or () if isinstance(each, Decided | Area)]
    if own:
        compile_again(model, [each for each in given or () if each not in own] or None)


def compile_again(model: Any, weighted: list[Any] | None) -> None:
    """Compile a model as it is, but for its weighted metrics."""
    model.compile(
        **{
            **compiled_arguments(model),
            "optimizer": model.optimizer,  # with its state
            "weighted_metrics": weighted,
            "run_eagerly": model.run_eagerly,
            "jit_compile": model.jit_compile,
            "auto_scale_loss": False,  # it is scaled already where it has to be
        }
    )


def _numbers(target: Any) -> Any:
    """Return class numbers (n,), int32."""
    if len(target.shape) > 1 and target.shape[-1] != 1:
        return ops.argmax(target, axis=-1)
    return ops.cast(ops.reshape(target, (-1,)), "int32")


def _probabilities(outputs: Any, logits: bool) -> Any:
    """Return the second class's probabilities (n,) of a single output, else (n, classes)."""
    if len(outputs.shape) == 1 or outputs.shape[-1] == 1:
        outputs = ops.reshape(outputs, (-1,))
        return ops.sigmoid(outputs) if logits else outputs
    return ops.softmax(outputs) if logits else outputs
