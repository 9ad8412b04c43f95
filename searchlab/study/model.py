"""The part of a study file about the model."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, Tag

from searchlab.study.fields import Part, PlainValues, name_or_group
from searchlab.study.others import InitialWeights, InitialWeightsSpec


class ModelSpec(Part):
    """A model factory with params that are the same in all trials.

    Attributes:
        factory: `mlp`, `path/to/file.py:function` or `package.module:function`.
        params: fixed keyword arguments of the factory.
        initial_weights: another study, whose model provides initial weights of the first layers.
    """

    factory: str
    params: dict[str, PlainValues] = Field(default_factory=dict)
    initial_weights: InitialWeights | None = None

    @property
    def initial(self) -> InitialWeightsSpec | None:
        """The source of initial weights, also if the file gives only a name."""
        given = self.initial_weights
        return InitialWeightsSpec(study=given) if isinstance(given, str) else given


Model = Annotated[
    Annotated[str, Tag("<name>")] | Annotated[ModelSpec, Tag("<group>")],
    name_or_group(
        ModelSpec,
        "must be the name of a model factory, such as mlp, or a group such as "
        "{factory: mlp, params: {optimizer: adam}}",
    ),
]
"""A model in a study file."""
