"""A study file that is fine, and what one is that is not."""

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
        id: what is wrong.
        content: the file.
        line: where `run` and `validate` find it; 0 for a file that has no lines.
        key: the dotted key; "" for a mistake that is not one key's.
        says: a part of the message, with the remedy.
    """

    id: str
    content: bytes
    line: int
    key: str
    says: str


def edit(id_: str, old: str, new: str, line: int, key: str, says: str) -> Bad:
    """The good study with one edit."""
    assert GOOD.count(old) == 1, f"{id_}: {old!r} stands in the good study {GOOD.count(old)} times"
    return Bad(id_, GOOD.replace(old, new).encode(), line, key, says)


def whole(id_: str, content: str | bytes, line: int, key: str, says: str) -> Bad:
    """A file of its own."""
    raw = content if isinstance(content, bytes) else content.encode()
    return Bad(id_, raw, line, key, says)
