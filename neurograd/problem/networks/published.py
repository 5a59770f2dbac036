"""Published convolutional networks by name: LeNet-5, ResNet-18, and VGG of 11, 16 and 19 layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from device_models.bare_layers import bare
from neurograd.errors import ModelError
from neurograd.problem.networks.layers import activation_modules, initialize, initialized

LENET5_SIDE = 12
"""Smallest height and width of an image whose maps LeNet-5 can pool twice."""


VGG_SIDE = 32
"""Smallest height and width of an image that VGG can pool five times."""

VGG_STAGES: Mapping[int, Sequence[Sequence[int]]] = {
    11: ((64,), (128,), (256,) * 2, (512,) * 2, (512,) * 2),
    16: ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3),
    19: ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4),
}
"""Channels of the convolutions between two poolings, by the number of layers with weights of the
original: configurations A, D and E of its Table 1."""


def lenet5(
    input_shape: Sequence[int],
    outputs: int = 10,
    *,
    activation: str = "tanh",
    init: str = "xavier",
    generator: torch.Generator,
    dtype: torch.dtype = torch.float64,
) -> nn.Sequential:
    """LeNet-5 (LeCun, Bottou, Bengio and Haffner, Proc. IEEE 1998).

    Two 5×5 convolutions of 6 and 16 channels (the first pads by 2, as images of 28×28 are 32×32
    there), each with 2×2 average pooling, then layers of 120, 84 and the outputs: 61,706 weights on
    images of 28×28. As usual today, every channel of the second convolution sees all of the first,
    pooling has no weights, and the outputs are linear.

    Args:
        input_shape: Channels, height and width of a sample.
        outputs: Number of outputs.
        activation: ``tanh``, ``relu`` or ``linear``.
        init: ``xavier`` or ``kaiming``.
        generator: Source of the weights; no other random state is touched.
        dtype: Type of the weights.

    Raises:
        ModelError: If samples are no images, or too small.
        ValueError: If a name is unknown.
    """
    channels, height, width = _image(input_shape, "lenet5", LENET5_SIDE)
    size = 16 * (((height // 2) - 4) // 2) * (((width // 2) - 4) // 2)
    layers: list[nn.Module] = []
    for before, after, padding in ((channels, 6, 2), (6, 16, 0)):
        layers.append(bare(nn.Conv2d, before, after, 5, padding=padding, dtype=dtype))
        layers += [*activation_modules(activation), nn.AvgPool2d(2)]
    layers.append(nn.Flatten())
    for before, after in ((size, 120), (120, 84)):
        layers += [bare(nn.Linear, before, after, dtype=dtype), *activation_modules(activation)]
    layers.append(bare(nn.Linear, 84, outputs, dtype=dtype))
    return initialized(nn.Sequential(*layers), init, generator)


def resnet18(
    input_shape: Sequence[int],
    outputs: int = 10,
    *,
    activation: str = "relu",
    init: str = "kaiming",
    generator: torch.Generator,
    dtype: torch.dtype = torch.float64,
) -> nn.Sequential:
    """ResNet-18 for small images (He, Zhang, Ren and Sun, CVPR 2016).

    Eight blocks of two 3×3 convolutions with batch normalization, of 64, 128, 256 and 512 channels;
    in front of them one 3×3 convolution without pooling in place of ImageNet's 7×7 with pooling, as
    usual on CIFAR-10: 11,173,962 weights there.

    Args:
        input_shape: Channels, height and width of a sample.
        outputs: Number of outputs.
        activation: ``relu``, ``tanh`` or ``linear``.
        init: ``xavier`` or ``kaiming``; gains of normalization are 1, offsets 0.
        generator: Source of the weights; no other random state is touched.
        dtype: Type of the weights.

    Raises:
        ModelError: If samples are no images.
        ValueError: If a name is unknown.
    """
    before, _, _ = _image(input_shape, "resnet18", 1)
    layers = [*_normalized(before, 64, 3, 1, dtype), *activation_modules(activation)]
    before = 64
    for after, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers.append(ResidualBlock(before, after, stride, activation, dtype))
        layers.append(ResidualBlock(after, after, 1, activation, dtype))
        before = after
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), bare(nn.Linear, 512, outputs, dtype=dtype)]
    network = nn.Sequential(*layers)
    initialize(network.modules(), init, generator)
    return network


def vgg(
    input_shape: Sequence[int],
    outputs: int = 10,
    *,
    layers: int = 16,
    activation: str = "relu",
    init: str = "kaiming",
    generator: torch.Generator,
    dtype: torch.dtype = torch.float64,
) -> nn.Sequential:
    """VGG for small images (Simonyan and Zisserman, ICLR 2015), without normalization.

    Stages of 3×3 convolutions, each with 2×2 max-pooling behind it, and one linear layer in place
    of ImageNet's three, as usual on CIFAR-10: 9,225,610 (VGG-11), 14,719,818 (VGG-16) and
    20,029,514 weights (VGG-19) there. Its Hessian's diagonal is exact, as there is no batch
    normalization.

    Args:
        input_shape: Channels, height and width of a sample.
        outputs: Number of outputs.
        layers: 11, 16 or 19.
        activation: ``relu``, ``tanh`` or ``linear``.
        init: ``xavier`` or ``kaiming``.
        generator: Source of the weights; no other random state is touched.
        dtype: Type of the weights.

    Raises:
        ModelError: If samples are no images, or too small.
        ValueError: If a name or the number of layers is unknown.
    """
    if layers not in VGG_STAGES:
        raise ValueError(f"layers is {layers}; allowed: {', '.join(map(str, VGG_STAGES))}")
    before, height, width = _image(input_shape, f"vgg{layers}", VGG_SIDE)
    made: list[nn.Module] = []
    for stage in VGG_STAGES[layers]:
        for after in stage:
            made.append(bare(nn.Conv2d, before, after, 3, padding=1, dtype=dtype))
            made += activation_modules(activation)
            before = after
        made.append(nn.MaxPool2d(2))
    size = before * (height // 32) * (width // 32)
    made += [nn.Flatten(), bare(nn.Linear, size, outputs, dtype=dtype)]
    return initialized(nn.Sequential(*made), init, generator)


PUBLISHED: Mapping[str, Callable[..., nn.Sequential]] = {
    "lenet5": lenet5,
    "resnet18": resnet18,
    "vgg11": partial(vgg, layers=11),
    "vgg16": partial(vgg, layers=16),
    "vgg19": partial(vgg, layers=19),
}
"""What makes an architecture whose layers are published, by its name in a spec."""


class ResidualBlock(nn.Module):
    """``f(x) + x`` behind an activation, f two normalized 3×3 convolutions.

    Args:
        before: Channels of the input; where they or the size change, a 1×1 convolution brings the
            input into shape.
        after: Channels of the output.
        stride: Stride of the first convolution.
        activation: Name of the activation.
        dtype: Type of the weights.
    """

    def __init__(
        self, before: int, after: int, stride: int, activation: str, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.path = nn.Sequential(
            *_normalized(before, after, 3, stride, dtype),
            *activation_modules(activation),
            *_normalized(after, after, 3, 1, dtype),
        )
        same = before == after and stride == 1
        self.beside = nn.Sequential(*([] if same else _normalized(before, after, 1, stride, dtype)))
        self.end = nn.Sequential(*activation_modules(activation))

    def forward(self, x: Tensor) -> Tensor:
        """Maps of shape ``(n, after, ...)`` for maps of shape ``(n, before, ...)``."""
        out: Tensor = self.end(self.path(x) + self.beside(x))
        return out


def _normalized(
    before: int, after: int, size: int, stride: int, dtype: torch.dtype
) -> list[nn.Module]:
    options: dict[str, Any] = {"stride": stride, "padding": size // 2, "bias": False}
    convolution = bare(nn.Conv2d, before, after, size, dtype=dtype, **options)
    return [convolution, nn.BatchNorm2d(after, dtype=dtype)]


def _image(shape: Sequence[int], name: str, side: int) -> tuple[int, int, int]:
    if len(shape) != 3 or min(shape[1:]) < side:
        size = " by ".join(map(str, shape[1:])) if len(shape) == 3 else "no images"
        raise ModelError(
            f"network.architecture: {name} needs images of {side} by {side} or more, and the "
            f"task's samples are {size}; allowed: another architecture, or larger images"
        )
    channels, height, width = shape
    return channels, height, width
