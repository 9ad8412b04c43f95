"""Find features that give the target away: equal to it, or predicting it alone.

A quick look at all features at once keeps a few, which a decision tree of one feature then has to
predict the target from, on rows that it has not seen.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from searchlab.core.arrays import Array
from searchlab.data.findings import Finding
from searchlab.data.looking.view import View, share_text

_FEWEST = 30  # rows; fewer can be told apart by chance
_LOOKED = 2048  # rows of the quick look
_AT_ONCE = 256  # columns
_BINS = 32
_IN_A_BIN = 8  # rows
_PROMISING = 0.8  # quick score of features that are worth a tree
_TREES = 20  # the most features that get one
_TRAINED = 4000  # rows of a tree
_LEAK = {True: 0.98, False: 0.99}  # share of the target that is explained, of classes and numbers
_LINEAR = 1 - 1e-9  # correlation of a column with a target that is the same but for its unit


def leaks(view: View) -> Iterator[Finding]:
    """Find features that predict the target alone."""
    if len(view.sample) < _FEWEST:
        return
    for name in _promising(view):
        values = view.numbers[name].to_numpy(np.float64)
        score, same = _tree_score(values, view), _same(view, values)
        if same or score >= _LEAK[bool(view.classes)]:
            yield _finding(view, name, score, same=same)
    for name, column in view.words:
        codes = pd.factorize(column.iloc[view.sample])[0]
        most = 3 * len(view.classes) if view.classes else _BINS
        if 1 <= codes.max() < most:
            score = _table_score(codes, view)
            if score >= _LEAK[bool(view.classes)]:
                yield _finding(view, name, score, same=False)


def _finding(view: View, name: str, score: float, *, same: bool) -> Finding:
    target = view.table.target
    if same:
        said = f"is the target {target!r} itself"
    else:
        said = (
            f"alone predicts the target {target!r} nearly without fail ({share_text(score)} of it)"
        )
    return Finding(
        "leak",
        (name,),
        f"column {name!r} {said}: unless it is known before the target is, add it to data.drop",
    )


def _same(view: View, values: Array) -> bool:
    y = view.y[view.sample].astype(np.float64)
    if np.isnan(values).any() or values.std() == 0:
        return False
    return bool(abs(np.corrcoef(values, y)[0, 1]) >= _LINEAR)


# ---- the quick look


def _promising(view: View) -> list[str]:
    """Return the features of numbers that may predict the target, the best first."""
    rng = np.random.default_rng(0)
    bins = min(_BINS, len(view.sample) // _IN_A_BIN)
    rows = min(_LOOKED, len(view.sample)) // bins * bins
    chosen = rng.permutation(len(view.sample))[:rows]
    target = view.target[chosen]
    scores = np.empty(view.numbers.shape[1])
    for start in range(0, len(scores), _AT_ONCE):
        values = view.numbers.iloc[chosen, start : start + _AT_ONCE].to_numpy(np.float64)
        sorted_by = target[np.argsort(values, axis=0, kind="stable")]  # (rows, columns); NaN last
        binned = sorted_by.reshape(bins, rows // bins, -1)
        found = _purity(binned, target) if view.classes else _between(binned, target)
        scores[start : start + _AT_ONCE] = found
    best = np.argsort(-scores, kind="stable")[:_TREES]
    return [str(view.numbers.columns[place]) for place in best if scores[place] >= _PROMISING]


def _purity(binned: Array, target: Array) -> Array:
    """Return the share of rows, above chance, in the largest class of their bin (columns,)."""
    most = np.zeros((binned.shape[0], binned.shape[2]), np.int64)
    counts = np.bincount(target)
    for number in np.argsort(-counts)[:50]:
        most = np.maximum(most, (binned == number).sum(axis=1))
    right = most.sum(axis=0) / len(target)
    return _above_chance(right, counts.max() / len(target))


def _between(binned: Array, target: Array) -> Array:
    """Return the share of the variance that lies between bins (columns,)."""
    means = binned.mean(axis=1)
    share: Array = means.var(axis=0) / max(target.var(), 1e-12)
    return share


def _above_chance(right: Array, chance: float) -> Array:
    above: Array = (right - chance) / max(1 - chance, 1e-12)
    return above


# ---- the proof


def _tree_score(values: Array, view: View) -> float:
    """Return how much of the target a tree of one feature explains on rows that it did not see."""
    rows, target = _halves(view)
    x = values[rows].reshape(-1, 1)
    leaves = max(8, 2 * len(view.classes)) if view.classes else 2 * _BINS
    kind = DecisionTreeClassifier if view.classes else DecisionTreeRegressor
    predicted = np.empty(len(rows))
    for half in (0, 1):
        seen = np.arange(len(rows)) % 2 == half
        tree = kind(max_leaf_nodes=leaves, random_state=0).fit(x[seen], target[seen])
        predicted[~seen] = tree.predict(x[~seen])
    return _explained(predicted, target, view)


def _table_score(codes: Array, view: View) -> float:
    """Return how much of the target the usual target of each category explains likewise.

    Args:
        codes: the category of each row of the sample, by number; -1 is missing.
        view: the data set.
    """
    rows, target = _halves(view)
    chosen, predicted = codes[rows] + 1, np.empty(len(rows))
    for half in (0, 1):
        seen = np.arange(len(rows)) % 2 == half
        usual = _usual(chosen[seen], target[seen], chosen.max() + 1, view)
        predicted[~seen] = usual[chosen[~seen]]
    return _explained(predicted, target, view)


def _usual(codes: Array, target: Array, categories: int, view: View) -> Array:
    """Return the commonest class, or the mean target, of each category."""
    if view.classes:
        table = np.zeros((categories, len(view.classes)), np.int64)
        np.add.at(table, (codes, target), 1)
        commonest: Array = table.argmax(axis=1)
        return commonest
    sums = np.bincount(codes, target, categories)
    return sums / np.maximum(1, np.bincount(codes, minlength=categories))


def _halves(view: View) -> tuple[Array, Array]:
    """Return some rows in random order, of which every other is one half, and their targets."""
    rows = np.random.default_rng(1).permutation(len(view.sample))[:_TRAINED]
    return rows, view.target[rows]


def _explained(predicted: Array, target: Array, view: View) -> float:
    if view.classes:
        right = float((predicted == target).mean())
        return float(_above_chance(np.array(right), np.bincount(target).max() / len(target)))
    return float(1 - np.mean((predicted - target) ** 2) / max(target.var(), 1e-12))
