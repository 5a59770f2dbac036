"""Digital factors behind the arrays: what each layer's product is multiplied with.

They stand behind the converters, in front of a bias that is added digitally: noise and steps of
what reads the product are multiplied with it. Source of the use: global drift compensation (V.
Joshi et al., Nature Communications 11, 2473, 2020).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from device_models.layer_hooks import LayerCall, LayerHook, begin_pass


@dataclass(eq=False)
class OutputFactors(LayerHook):
    """Multiplies products of layers; to be opened inside what the arrays' periphery makes of them.

    Attributes:
        factors: The factor of each layer, by the name of its weight.
    """

    factors: Mapping[str, float]
    _here: dict[int, float] = field(default_factory=dict, init=False, repr=False)

    def begin_pass(self, inputs: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Layers are known by the identity of their weight, which lives as long as the pass."""
        self._here = {id(parameters[name]): factor for name, factor in self.factors.items()}
        return begin_pass(inputs, parameters)

    def product(self, call: LayerCall, x: Tensor) -> Tensor:
        """The factor times what the array and its periphery give, without a bias."""
        factor = self._here.get(id(call.weight))
        if factor is None:
            return super().product(call, x)
        return factor * call.multiply_without_bias(x)

    def after(self, call: LayerCall, y: Tensor) -> Tensor:
        """The product with the bias, which no factor acts on."""
        return call.add_bias(y) if id(call.weight) in self._here else y
