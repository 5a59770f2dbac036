"""What effects read of a spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class SpecSections(Protocol):
    """What an effect reads of a spec: its sections, assembled from the effects' own keys."""

    @property
    def device(self) -> Any:
        """The synaptic device, None for ideal synapses."""
        ...

    @property
    def quantization(self) -> Any:
        """The digital limits, None without any."""
        ...

    @property
    def learning_rule(self) -> Any:
        """The learning rule."""
        ...

    @property
    def network(self) -> Any:
        """The network."""
        ...

    @property
    def training(self) -> Any:
        """How it is trained."""
        ...

    @property
    def measure(self) -> Any:
        """How much is measured, and with which seed."""
        ...

    @property
    def deployment(self) -> Any:
        """What comes after training, None where nothing does."""
        ...

    @property
    def layers(self) -> Any:
        """What single layers have in place of the device and the digital limits, by name."""
        ...

    def views(self) -> Mapping[str, SpecSections]:
        """The spec as each of these layers has it, by its name; as all others have it by ''."""
        ...

    def has_own(self, layer: str, key: str) -> bool:
        """Whether one of these layers has a key for itself, or a part or the section of it."""
        ...
