"""Converters of a crossbar: resolution and clipping of what enters and what leaves the array.

An array multiplies voltages by conductances. Digital-to-analog converters (DAC) code the vector
that enters, analog-to-digital converters (ADC) read the products, in both passes: activations go
in and pre-activations come out forward; errors go in at the other side and come out backward.

Source: Gokmen and Vlasov, Front. Neurosci. 2016 (noise and bound of the periphery); matching the
range to the vector is the noise management of Gokmen, Onen and Haensch, Front. Neurosci. 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from device_models.layer_hooks import LayerCall, LayerHook

MAX_BITS = 32
"""Most bits of a converter."""


@dataclass(frozen=True)
class Quantizer:
    """Symmetric mid-tread quantizer: ``2^bits − 1`` levels from −range to range.

    Attributes:
        bits: Bits of the converter, 2 to 32; None for infinitely fine levels.
        range: Largest magnitude; values beyond it are clipped. None matches the range to the
            largest magnitude of every vector, so that nothing is clipped.
        clips: Whether values beyond a fixed range are clipped. A converter that does not clip has
            as many levels of the same distance as the values need, as no real one has.
    """

    bits: int | None
    range: float | None
    clips: bool = True

    def convert(self, x: Tensor, dims: tuple[int, ...]) -> Tensor:
        """Nearest level of every value, same shape.

        Args:
            x: Values, any shape.
            dims: Dimensions that make one vector, for a matched range.
        """
        x = self.clip(x)
        if self.bits is None:
            return x
        reach = x.abs().amax(dims, keepdim=True) if self.range is None else self.range
        # A vector of zeros has no range: any step keeps it.
        step = torch.as_tensor(reach * self.step_of_unit_range, dtype=x.dtype, device=x.device)
        step = step.clamp_min(torch.finfo(x.dtype).tiny)
        return (x / step).round() * step

    def clip(self, x: Tensor) -> Tensor:
        """Values within the range, same shape."""
        if self.range is None or not self.clips:
            return x
        return x.clamp(-self.range, self.range)

    @property
    def step_of_unit_range(self) -> float:
        """Distance of neighbouring levels over the range; 0 for infinitely fine levels."""
        return 0.0 if self.bits is None else 2.0 / (2.0**self.bits - 2.0)


class _Convert(torch.autograd.Function):
    """One converter forward and another one for the error; straight through otherwise."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        x: Tensor, forward: Quantizer, backward: Quantizer, dims: tuple[int, ...]
    ) -> Tensor:
        converted = forward.convert(x, dims)
        return converted.clone() if converted is x else converted

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        _, ctx.forward_quantizer, ctx.backward_quantizer, ctx.dims = inputs

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Any, ...]:
        (grad,) = grad_outputs
        # Applied rather than called, so that second derivatives go straight through, too.
        error = _Convert.apply(grad, ctx.backward_quantizer, ctx.forward_quantizer, ctx.dims)
        return error, None, None, None


@dataclass(frozen=True)
class Converters(LayerHook):
    """Resolution and clipping of a crossbar's products in both passes.

    Forward, ``y = ADC(W·DAC(x)) + bias``: the bias is digital and is not converted. Backward, the
    error enters the array through a DAC and leaves towards the inputs through an ADC of the same
    bits. The weight gradient is the outer product of the converted input and the converted error,
    as a parallel update sees them; the bias's gradient is digital and exact. Derivatives of the
    converters are taken as 1 (straight through), as a chip does that does not know them.

    Acts on ``torch.nn.functional.linear`` and ``conv2d``. A vector is the last dimension of a
    linear layer, and a whole image (all channels and positions of a sample) of a convolution.

    Errors have the scale of the loss over the number of samples, which has nothing to do with that
    of activations: they have fixed ranges of their own, and are matched by default. With a fixed
    range, what becomes of a sample's error depends on the number of samples that the loss is a mean
    over, and the estimate of a batch is no mean over its samples (``by_sample``).

    Attributes:
        dac_bits: Bits of what enters the array, 2 to 32; None for an ideal DAC.
        adc_bits: Bits of what leaves the array, 2 to 32; None for an ideal ADC.
        input_range: Fixed largest magnitude of an input, in units of the activations; None is
            matched to the largest magnitude of each vector.
        output_range: The same for a product, in units of the pre-activations.
        error_input_range: The same for an error that enters the array, in units of the derivative
            of the mean loss.
        error_output_range: The same for an error that leaves the array.
        clips: Whether values beyond a fixed range are clipped, see ``Quantizer``.

    Raises:
        ValueError: If bits or ranges are out of range.
    """

    dac_bits: int | None = None
    adc_bits: int | None = None
    input_range: float | None = None
    output_range: float | None = None
    error_input_range: float | None = None
    error_output_range: float | None = None
    clips: bool = True

    def __post_init__(self) -> None:
        for name in ("dac_bits", "adc_bits"):
            bits = getattr(self, name)
            if bits is not None and not 2 <= bits <= MAX_BITS:
                raise ValueError(f"{name} is {bits}; allowed: 2 to {MAX_BITS}")
        for name in ("input_range", "output_range", "error_input_range", "error_output_range"):
            reach = getattr(self, name)
            if reach is not None and not 0 < reach < float("inf"):
                raise ValueError(f"{name} is {reach:g}; allowed: above 0")

    @property
    def deterministic(self) -> bool:
        """Always True."""
        return True

    @property
    def by_sample(self) -> bool:
        """Whether the ranges of errors are matched."""
        return self.error_input_range is None and self.error_output_range is None

    @property
    def dac(self) -> Quantizer:
        """What codes the inputs."""
        return Quantizer(self.dac_bits, self.input_range, self.clips)

    @property
    def adc(self) -> Quantizer:
        """What reads the products."""
        return Quantizer(self.adc_bits, self.output_range, self.clips)

    @property
    def error_dac(self) -> Quantizer:
        """What codes the errors that enter the array."""
        return Quantizer(self.dac_bits, self.error_input_range, self.clips)

    @property
    def error_adc(self) -> Quantizer:
        """What reads the errors that leave the array."""
        return Quantizer(self.adc_bits, self.error_output_range, self.clips)

    def before(self, call: LayerCall, x: Tensor) -> Tensor:
        """The input as the array gets it."""
        return _converted(x, self.dac, self.error_adc, call.vector_dims)

    def product(self, call: LayerCall, x: Tensor) -> Tensor:
        """What the array makes of it: the bias is not in the array."""
        return call.multiply_without_bias(x)

    def after(self, call: LayerCall, y: Tensor) -> Tensor:
        """The product as it is read from the array, plus the digital bias."""
        return call.add_bias(_converted(y, self.adc, self.error_dac, call.vector_dims))


def _converted(x: Tensor, forward: Quantizer, backward: Quantizer, dims: tuple[int, ...]) -> Tensor:
    converted: Tensor = _Convert.apply(x, forward, backward, dims)
    return converted
