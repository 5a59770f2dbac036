"""Converters of a crossbar: resolution and clipping of what enters and what leaves the array.

An array multiplies voltages by conductances. Digital-to-analog converters (DAC) code the vector
that enters, analog-to-digital converters (ADC) read the products, in both passes: activations go
in and pre-activations come out forward; errors go in at the other side and come out backward.

Source: Gokmen and Vlasov, Front. Neurosci. 2016 (noise and bound of the periphery); noise and bound
management as in Gokmen, Onen and Haensch, Front. Neurosci. 2017, and in the ``IOParameters`` of
IBM's aihwkit.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, get_args

import torch
from torch import Tensor

from device_models.layer_hooks import LayerCall, LayerHook
from device_models.passes.tiles import Tiles
from device_models.protocols import LearningRule, taken_of_calls

NoiseManagement = Literal["none", "abs_max"]
BoundManagement = Literal["none", "iterative"]

MAX_BITS = 32
"""Most bits of a converter."""

MAX_HALVINGS = 10
"""Most halvings of an input by bound management: a factor of 1024 (aihwkit: 1000)."""


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
        step = self._step_at(x, dims)
        return (x / step).round() * step

    def _step_at(self, x: Tensor, dims: tuple[int, ...]) -> Tensor:
        """Distance of two levels, of a shape that goes with the values."""
        tiny = torch.finfo(x.dtype).tiny
        if self.range is not None:
            # Filled where it is: a GPU would be waited for to bring a number there.
            return x.new_full((), max(self.range * self.step_of_unit_range, tiny))
        # A vector of zeros has no range: any step keeps it.
        reach = x.abs().amax(dims, keepdim=True)
        return (reach * self.step_of_unit_range).clamp_min(tiny)

    def clip(self, x: Tensor) -> Tensor:
        """Values within the range, same shape."""
        if self.range is None or not self.clips:
            return x
        return x.clamp(-self.range, self.range)

    @property
    def step_of_unit_range(self) -> float:
        """Distance of neighbouring levels over the range; 0 for infinitely fine levels."""
        return 0.0 if self.bits is None else 2.0 / (2.0**self.bits - 2.0)


class _Reader(Protocol):
    """What is done to a vector on its way into or out of an array."""

    def convert(self, x: Tensor, dims: tuple[int, ...]) -> Tensor:
        """The vector behind it, same shape."""
        ...


@dataclass(frozen=True)
class _Noisy:
    """A converter of sums that carry noise.

    Attributes:
        quantizer: The converter.
        std: Standard deviation of the noise, in units of ``scale``.
        source: Where it is drawn from.
        scale: Holds the largest magnitude of each vector that entered the array; empty for 1.
    """

    quantizer: Quantizer
    std: float
    source: torch.Generator
    scale: list[Tensor]

    def convert(self, x: Tensor, dims: tuple[int, ...]) -> Tensor:
        """The noisy vector as it is read, same shape."""
        noise = torch.randn(x.shape, generator=self.source, dtype=x.dtype, device=x.device)
        size = self.scale[-1] if self.scale else 1.0
        return self.quantizer.convert(x + self.std * size * noise, dims)


@dataclass(frozen=True)
class _Measured:
    """A converter that notes the largest magnitude of each vector that enters through it."""

    quantizer: Quantizer
    scale: list[Tensor]

    def convert(self, x: Tensor, dims: tuple[int, ...]) -> Tensor:
        """The vector as the array gets it, same shape."""
        self.scale[:] = [x.detach().abs().amax(dims, keepdim=True)]
        return self.quantizer.convert(x, dims)


class _Convert(torch.autograd.Function):
    """One converter forward and another one for the error; straight through otherwise."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, forward: _Reader, backward: _Reader, dims: tuple[int, ...]) -> Tensor:
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

    Output noise is added to every sum in front of its ADC, ``y + output_noise·ξ`` forward. The sums
    of errors have it in units of the largest error of the vector that entered the array, in which
    they are always managed. Passes without a source of noise (``drawn_from``) have its mean, 0.

    Noise management divides an input by its largest magnitude and multiplies the product by it in
    digital: ``s·ADC(W·DAC(x/s) + noise)``, so that output noise and output range are in units of
    weights times inputs of 1 at most. Bound management divides it by the smallest power of two
    beside, up to ``2^MAX_HALVINGS``, at which no sum without its noise is beyond the output range.
    Where aihwkit repeats the product until no read is clipped, the power is found here from the
    product itself, or by trying one after the other where inputs are clipped at a fixed range, and
    one read is made. Both are of the forward pass.

    With an array size every tile is for itself: its inputs, its sums, ranges, noise and management
    (``tiles.py``); the sums that were read are added in digital.

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
        output_noise: Standard deviation of the noise of a sum, 0 or more.
        noise_management: ``abs_max`` scales each input to its largest magnitude; ``none`` does not.
        bound_management: ``iterative`` scales each input until no sum is clipped; ``none`` does
            not.
        array_size: Outputs and inputs of an array; None for one array a layer.
        source: Where noise is drawn from; None for its mean.

    Raises:
        ValueError: If an attribute is out of range, or bounds are managed without an output range.
    """

    dac_bits: int | None = None
    adc_bits: int | None = None
    input_range: float | None = None
    output_range: float | None = None
    error_input_range: float | None = None
    error_output_range: float | None = None
    clips: bool = True
    output_noise: float = 0.0
    noise_management: NoiseManagement = "none"
    bound_management: BoundManagement = "none"
    array_size: tuple[int, int] | None = None
    source: torch.Generator | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._check_ranges()
        if not 0 <= self.output_noise < math.inf:
            raise ValueError(f"output_noise is {self.output_noise:g}; allowed: 0 or more")
        for name, kind in (
            ("noise_management", NoiseManagement),
            ("bound_management", BoundManagement),
        ):
            if getattr(self, name) not in get_args(kind):
                allowed = ", ".join(get_args(kind))
                raise ValueError(f"{name} is {getattr(self, name)!r}; allowed: {allowed}")
        if self.bound_management != "none" and self.output_range is None:
            raise ValueError("bound_management needs an output_range; allowed: both or neither")
        managed = not self.noise_management == self.bound_management == "none"
        if managed and not self.by_sample:
            # The derivative of a scaled product is scaled as well, before it is coded.
            raise ValueError(
                "ranges of errors are fixed beside management of noise or bounds; allowed: matched"
            )
        if self.array_size is not None and min(self.array_size) < 1:
            raise ValueError(f"array_size is {tuple(self.array_size)}; allowed: 1 or more each")

    def _check_ranges(self) -> None:
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
        """Whether sums have no noise."""
        return self.output_noise == 0

    def drawn_from(self, generator: torch.Generator) -> Converters:
        """The same converters, whose noise comes from a generator."""
        if self.deterministic:
            return self
        # Copied, not made anew: every pass is drawn, and nothing is left to check.
        drawn = copy.copy(self)
        object.__setattr__(drawn, "source", generator)
        return drawn

    def check_rule(self, rule: LearningRule) -> None:
        """Refuse a rule that works from values that the arrays scale, or hold only a part of.

        Raises:
            ValueError: One line that says why.
        """
        taken = taken_of_calls(rule)
        managed = not self.noise_management == self.bound_management == "none"
        if self.array_size is not None and taken is not None:
            why = "takes what whole layers get and give; allowed: no array_size"
        elif managed and taken == "values":
            why = "takes the values that layers get; allowed: no management of noise or bounds"
        else:
            return
        raise ValueError(f"{type(getattr(rule, 'rule', rule)).__name__} {why}")

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

    def product(self, call: LayerCall, x: Tensor) -> Tensor:
        """The products as they are read from the arrays: the bias is not in them."""
        dims, tiles = call.vector_dims, None
        if self.array_size is not None:
            tiles = Tiles.of(call, self.array_size, x)
            x = tiles.spread(x)
        scale = self._scale(call, x, tiles)
        x = x if scale is None else x / scale
        entering: list[Tensor] = []
        x = self._enter(x, self._with_noise(self.error_adc, entering), dims)
        product = _of_tiles(call.multiply_without_bias, x, tiles)
        error_dac = self.error_dac if self.deterministic else _Measured(self.error_dac, entering)
        y = self._leave(product, error_dac, dims)
        y = y if scale is None else y * scale
        return y if tiles is None else tiles.own(y).sum(0)

    def after(self, call: LayerCall, y: Tensor) -> Tensor:
        """The product plus the digital bias."""
        return call.add_bias(y)

    def _enter(self, x: Tensor, errors: _Reader, dims: tuple[int, ...]) -> Tensor:
        """Inputs through the DACs; the errors that leave there through what reads them."""
        return _converted(x, self.dac, errors, dims)

    def _leave(self, y: Tensor, errors: _Reader, dims: tuple[int, ...]) -> Tensor:
        """Sums through the ADCs; the errors that enter there through what codes them."""
        return _converted(y, self._with_noise(self.adc, []), errors, dims)

    def _with_noise(self, quantizer: Quantizer, scale: list[Tensor]) -> _Reader:
        if self.source is None or self.output_noise == 0:
            return quantizer
        return _Noisy(quantizer, self.output_noise, self.source, scale)

    def _scale(self, call: LayerCall, x: Tensor, tiles: Tiles | None) -> Tensor | None:
        """What each vector is divided by in front of its array; None for nothing."""
        dims, x = call.vector_dims, x.detach()
        scale = None
        if self.noise_management == "abs_max":
            largest = x.abs().amax(dims, keepdim=True)
            scale = torch.where(largest > 0, largest, torch.ones_like(largest))
        if self.bound_management == "iterative" and self.output_range is not None:
            power = self._power(call, x if scale is None else x / scale, tiles)
            scale = power if scale is None else scale * power
        return scale

    @property
    def halves_one_by_one(self) -> bool:
        """Whether powers are tried: sums of inputs that the DAC clips are not halved with them.

        Those that are scaled to their largest magnitude are 1 at most.
        """
        most = 1.0 if self.noise_management == "abs_max" else math.inf
        clipped = self.clips and self.input_range is not None and self.input_range < most
        return clipped and self.bound_management == "iterative"

    def _power(self, call: LayerCall, x: Tensor, tiles: Tiles | None) -> Tensor:
        """Smallest power of two over which no sum of a vector is beyond the output range."""
        beyond = self._beyond(call, x, tiles)
        if not self.halves_one_by_one:
            halvings = beyond.clamp_min(1.0).log2().ceil().clamp_max(MAX_HALVINGS)
            return torch.exp2(halvings).to(x.dtype)
        power = torch.ones_like(beyond, dtype=x.dtype)
        for _ in range(MAX_HALVINGS):
            if not bool((beyond > 1.0).any()):
                break
            power = torch.where(beyond > 1.0, 2.0 * power, power)
            beyond = self._beyond(call, x / power, tiles)
        return power

    def _beyond(self, call: LayerCall, x: Tensor, tiles: Tiles | None) -> Tensor:
        """Largest sum of every vector without its noise, as a part of the output range."""
        assert self.output_range is not None
        dims = call.vector_dims
        managed = self.dac.convert(x, dims)
        with torch.no_grad(), torch._C.DisableTorchFunction():
            sums = _of_tiles(call.multiply_without_bias, managed.to(call.weight.dtype), tiles)
        return sums.abs().amax(dims, keepdim=True) / self.output_range


def _of_tiles(multiply: Callable[[Tensor], Tensor], x: Tensor, tiles: Tiles | None) -> Tensor:
    """One product of all tiles' inputs, of which each keeps its own sums."""
    if tiles is None:
        return multiply(x)
    x = tiles.inside(x)
    # A convolution takes one dimension of samples.
    several = tiles.place != -1 and x.ndim > 2 - tiles.place - 1
    y = multiply(x.flatten(0, 1)).unflatten(0, x.shape[:2]) if several else multiply(x)
    return tiles.own(y)


def _converted(x: Tensor, forward: _Reader, backward: _Reader, dims: tuple[int, ...]) -> Tensor:
    converted: Tensor = _Convert.apply(x, forward, backward, dims)
    return converted
