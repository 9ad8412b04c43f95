"""NumPy arrays, whose shape and dtype the docstrings say, and how many values to hold at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

VALUES = 16_000_000
"""The most float32 values that predictions hold in memory at a time."""
