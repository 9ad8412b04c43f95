"""NumPy arrays, whose shape and dtype the docstrings say, and how many values to hold at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

VALUES = 16_000_000
"""The most float32 values that predictions hold in memory at a time."""

Inputs = Mapping[str, tuple[int, ...]]
"""The places in a row of the values of each input of a model, by the input's name; {} for a model
with one input, which has all."""
