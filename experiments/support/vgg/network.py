"""VGG networks as plain ``torch.nn.Sequential``, narrowed by a factor; their pretrained weights.

Source: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition"
(ICLR 2015), Table 1, configurations A, B, D and E. Ghosh et al., ICLR 2023, use them in Figures 1,
5 and 6; their "factor of downsampling" (Figure 5B) is ``factor``.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional

from device_models.bare_layers import bare
from neurograd.errors import ModelError
from neurograd.problem.networks import check_sizes, initialized

CONVOLUTIONS: Mapping[int, tuple[int, ...]] = MappingProxyType(
    {
        11: (1, 1, 2, 2, 2),  # configuration A
        13: (2, 2, 2, 2, 2),  # B
        16: (2, 2, 3, 3, 3),  # D
        19: (2, 2, 4, 4, 4),  # E
    }
)
"""Number of 3×3 convolutions in each stage, by the number of layers with weights."""

CHANNELS = (64, 128, 256, 512, 512)
"""Filters of each stage's convolutions."""

CLASSIFIER_WIDTH = 4096
"""Units of both hidden fully connected layers."""

BIASES = ("zero", "uniform")
"""How biases may start."""

_IMAGENET_MAP = 7  # what 224×224 images become after five poolings
_CLASSIFIER_NAMES = ("classifier.0", "classifier.3", "classifier.6")


def vgg(
    depth: int,
    input_shape: Sequence[int],
    outputs: int = 10,
    *,
    factor: int = 1,
    classifier_width: int = CLASSIFIER_WIDTH,
    init: str = "kaiming",
    biases: str = "zero",
    generator: torch.Generator,
    dtype: torch.dtype = torch.float64,
) -> nn.Sequential:
    """VGG-11, 13, 16 or 19: 3×3 convolutions with ReLU, 2×2 max-pooling, three linear layers.

    There is no dropout and no batch norm. Each stage halves the map. On 32×32 images the five
    stages end at 1×1, as in the standard network on CIFAR-10. Smaller images get fewer stages: the
    map of a further one would be 1 wide, so that eight of nine weights of its filters would only
    ever meet the padding and dilute ``Tr H/N``. 8×8 digits get the first three stages.

    Args:
        depth: Number of layers with weights of the full network: 11, 13, 16 or 19.
        input_shape: Channels, height and width of a sample.
        outputs: Number of outputs.
        factor: Divides the number of filters and ``classifier_width`` (rounded down, at least 1).
        classifier_width: Units of the two hidden linear layers before the division.
        init: ``xavier`` or ``kaiming`` (uniform).
        biases: ``zero``, or ``uniform`` within ±1/√(fan-in). In a narrow network many places have
            no active input, so that with biases of 0 their units stand exactly at the ReLU's kink,
            where the loss has no second derivative; choose ``uniform`` to measure curvature.
        generator: Source of the weights; no other random state is touched.
        dtype: Type of the weights.

    Raises:
        ValueError: If the depth or a name is unknown, a size is below 1 or the image below 2×2.
    """
    if depth not in CONVOLUTIONS:
        raise ValueError(f"VGG-{depth} is unknown; allowed: {', '.join(map(str, CONVOLUTIONS))}")
    if len(input_shape) != 3 or min(input_shape[1:]) < 2:
        raise ValueError(
            f"input shape {tuple(input_shape)}; allowed: channels, height and width, 2 by 2 or more"
        )
    check_sizes("size", [*input_shape, outputs, factor, classifier_width])
    before, height, width = input_shape
    layers: list[nn.Module] = []
    for count, channels in zip(CONVOLUTIONS[depth], CHANNELS, strict=True):
        if min(height, width) < 2:
            break
        after = max(1, channels // factor)
        for _ in range(count):
            layers.append(bare(nn.Conv2d, before, after, 3, padding=1, dtype=dtype))
            layers.append(nn.ReLU())
            before = after
        layers.append(nn.MaxPool2d(2))
        height, width = height // 2, width // 2
    hidden = max(1, classifier_width // factor)
    layers += [
        nn.Flatten(),
        bare(nn.Linear, before * height * width, hidden, dtype=dtype),
        nn.ReLU(),
        bare(nn.Linear, hidden, hidden, dtype=dtype),
        nn.ReLU(),
        bare(nn.Linear, hidden, outputs, dtype=dtype),
    ]
    if biases not in BIASES:
        raise ValueError(f"biases {biases!r} is unknown; allowed: {', '.join(BIASES)}")
    network = initialized(nn.Sequential(*layers), init, generator)
    if biases == "uniform":
        with torch.no_grad():
            for layer in _weighted(network):
                assert layer.bias is not None  # layers of vgg have biases
                bound = layer.weight[0].numel() ** -0.5
                layer.bias.uniform_(-bound, bound, generator=generator)
    return network


def standard_names(network: nn.Sequential) -> dict[str, str]:
    """Standard name of each layer with weights, by its name in ``network``.

    ``features.N`` counts convolutions, ReLUs and poolings as ``network`` does; the linear layers
    are ``classifier.0``, ``.3`` and ``.6``, because the original has dropout between them.

    Args:
        network: From ``vgg``.
    """
    linear = iter(_CLASSIFIER_NAMES)
    names = {}
    for name, layer in network.named_children():
        if isinstance(layer, nn.Conv2d):
            names[name] = f"features.{name}"
        elif isinstance(layer, nn.Linear):
            names[name] = next(linear)
    return names


def load_pretrained(network: nn.Sequential, path: str | Path) -> tuple[str, ...]:
    """Put weights from a file that the user names into ``network``, which is changed.

    The file is a state dict of tensors with the standard names (``features.N.weight`` and
    ``.bias``, ``classifier.N.weight`` and ``.bias``), such as torchvision's of a VGG without batch
    norm; it is read without running any code in it. Every layer must fit, with two exceptions for
    weights that were trained on ImageNet:

    - The first linear layer of a 224×224 network takes 512·7·7 inputs. Such networks bring any
      other map to 7×7 by adaptive average pooling; being linear, the pooling is multiplied into
      the weights, so that the network computes what the pretrained one does on images of this size.
    - A last layer with another number of outputs keeps its initialization.

    Args:
        network: From ``vgg`` with ``factor`` 1, or whatever the file was made with.
        path: The file.

    Returns:
        Standard names of the layers that kept their initialization: none, or ``classifier.6``.

    Raises:
        ModelError: If the file is missing or damaged, is not a state dict, or a name or a shape is
            wrong. ``network`` is unchanged then.
    """
    path = Path(path)
    found = _read_state_dict(path)
    names = standard_names(network)
    wanted = {f"{name}.{part}" for name in names.values() for part in ("weight", "bias")}
    _check_names(path, wanted, set(found))
    last = list(names.values())[-1]
    values: dict[str, Tensor] = {}
    kept = []
    for (ours, standard), layer in zip(names.items(), _weighted(network), strict=True):
        weight, bias = found[f"{standard}.weight"], found[f"{standard}.bias"]
        if standard == last and len(weight) != len(layer.weight):
            kept.append(standard)
            continue
        if standard == _CLASSIFIER_NAMES[0]:
            weight = _on_another_map(weight, layer, network)
        for part, value, target in (("weight", weight, layer.weight), ("bias", bias, layer.bias)):
            assert target is not None  # layers of vgg have biases
            if value.shape != target.shape:
                raise ModelError(
                    f"{path}: {standard}.{part} has shape {tuple(value.shape)}; allowed: "
                    f"{tuple(target.shape)}"
                )
            if not bool(torch.isfinite(value).all()):
                raise ModelError(f"{path}: {standard}.{part} has NaN or infinite entries")
            values[f"{ours}.{part}"] = value
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name in values:
                parameter.copy_(values[name])
    return tuple(kept)


def _read_state_dict(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise ModelError(f"{path}: is not a file; allowed: a state dict that torch.save wrote")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError):
        raise ModelError(
            f"{path}: cannot be read; allowed: a state dict of tensors that torch.save wrote"
        ) from None
    tensors = isinstance(content, Mapping) and all(
        isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items()
    )
    if not tensors or not content:
        raise ModelError(f"{path}: is not a state dict; allowed: names with tensors")
    return dict(content)


def _check_names(path: Path, wanted: set[str], found: set[str]) -> None:
    missing, extra = sorted(wanted - found), sorted(found - wanted)
    if not missing and not extra:
        return
    parts = [
        f"{label} {names[0]}" for label, names in (("lacks", missing), ("has", extra)) if names
    ]
    raise ModelError(
        f"{path}: {' and '.join(parts)}, {len(missing)} missing and {len(extra)} other names; "
        "allowed: features.N and classifier.N of the same VGG without batch norm"
    )


def _weighted(network: nn.Sequential) -> list[nn.Conv2d | nn.Linear]:
    return [layer for layer in network if isinstance(layer, nn.Conv2d | nn.Linear)]


def _on_another_map(weight: Tensor, layer: nn.Module, network: nn.Sequential) -> Tensor:
    """First linear layer of a 7×7 map for another map, adaptive average pooling multiplied in.

    A weight that already fits, or cannot, comes back as it is.
    """
    assert isinstance(layer, nn.Linear)
    channels = next(m for m in reversed(network) if isinstance(m, nn.Conv2d)).out_channels
    positions = layer.in_features // channels
    side = round(positions**0.5)
    size = channels * _IMAGENET_MAP**2
    if weight.ndim != 2 or weight.shape[1] != size or size == layer.in_features:
        return weight
    if side * side != positions:  # only square maps are known from the number of inputs
        return weight
    rows = len(weight)
    small = weight.new_zeros(rows, channels, side, side, requires_grad=True)
    with torch.enable_grad():
        pooled = functional.adaptive_avg_pool2d(small, _IMAGENET_MAP)
        # ⟨weight, pool(x)⟩ = ⟨poolᵀ(weight), x⟩
        (folded,) = torch.autograd.grad(pooled, small, weight.detach().view_as(pooled))
    return folded.flatten(1)
