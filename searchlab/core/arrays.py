"""The type of NumPy arrays whose shape and dtype the docstrings say."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
