"""searchlab: hyperparameter search for Keras models, with every trial in MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from searchlab.core.versions import __version__

if TYPE_CHECKING:
    from searchlab.registry.resolve import load_model

__all__ = ["__version__", "load_model"]


def __getattr__(name: str) -> Any:
    """Import public names on first access, so that importing the package stays light."""
    if name == "load_model":
        from searchlab.registry.resolve import load_model

        return load_model
    raise AttributeError(f"module 'searchlab' has no attribute {name!r}")
