"""The built-in data sets by name. Light: imports no library, so that study files check fast."""

from __future__ import annotations

from collections.abc import Mapping

DATASETS: Mapping[str, str] = {
    "digits": "1,797 handwritten digits of 8 x 8 pixels as 64 columns, 10 classes",
    "diabetes": "442 patients, 10 columns, the progression of their disease",
    "breast_cancer": "569 tumours, 30 columns, 2 classes",
    "wine": "178 wines, 13 columns, 3 classes",
    "iris": "150 flowers, 4 columns, 3 classes",
    "california_housing": "20,640 districts, 8 columns, the median house value (downloaded once)",
    "fashion_mnist": "70,000 images of 28 x 28 pixels, 10 classes of clothing (downloaded once)",
}
"""What each built-in data set is, in a line."""
