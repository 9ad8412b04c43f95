"""A good study file, and the type that describes a bad one."""

from __future__ import annotations

from dataclasses import dataclass

GOOD = """\
name: small
data: {dataset: iris, test: 0.25, validation: 0.25, scale: standard}
model: {factory: mlp, params: {optimizer: adam}}
space:
  n_hidden: {int: [0, 2]}
  n_neurons: {int: [1, 20], when: {param: n_hidden, in: [1, 2]}}
  learning_rate: {float: [3e-4, 3e-2], log: true}
  activation: {choice: [relu, elu]}
objective: {metric: val_loss, direction: minimize}
search:
  backend: optuna
  trials: 3
  seed: 42
  options: {pruner: none}
training:
  epochs: 3
  batch_size: 32
  early_stopping: {patience: 5}
evaluation: {holdout: 0.25}
execution: {executor: process, workers: 1}
"""


@dataclass(frozen=True)
class Bad:
    """A study file with one mistake.

    Attributes:
        id: name of the mistake.
        content: content of the file.
        line: the reported line; 0 for a file without lines.
        key: the dotted key; "" if the mistake concerns no single key.
        says: part of the message, including the remedy.
    """

    id: str
    content: bytes
    line: int
    key: str
    says: str


def edit(id_: str, old: str, new: str, line: int, key: str, says: str) -> Bad:
    """Make a bad study by one edit of the good one."""
    assert GOOD.count(old) == 1, f"{id_}: {old!r} stands in the good study {GOOD.count(old)} times"
    return Bad(id_, GOOD.replace(old, new).encode(), line, key, says)


def whole(id_: str, content: str | bytes, line: int, key: str, says: str) -> Bad:
    """Make a bad study from its whole content."""
    raw = content if isinstance(content, bytes) else content.encode()
    return Bad(id_, raw, line, key, says)
