"""Updates in aihwkit and in plain torch, in float32, as work to be timed beside ours.

The network is 784-256-128-10 with biases and ReLU under cross-entropy; its samples are uniform
random numbers, 1 in 5 of them above 0 as in MNIST. aihwkit trains it through one of its presets
with all that the preset has: converters, their noise, pulse trains, device-to-device variation.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.clock import Work
from benchmarks.record import installed
from neurograd.seeding import generator_for

LAYERS = (784, 256, 128, 10)
STEP_SIZE = 0.01
TRAIN = 31
"""Pulses of a train at most, aihwkit's default."""

CLASSES = {
    "idealized": "IdealizedPreset",
    "gokmen-vlasov": "GokmenVlasovPreset",
    "capacitor": "CapacitorPreset",
    "ecram-li": "EcRamPreset",
    "ecram-mo": "EcRamMOPreset",
    "reram-es": "ReRamESPreset",
    "reram-sb": "ReRamSBPreset",
    "pcm": "PCMPreset",
}
"""Our presets that aihwkit has too, and the names of its configurations."""

ALIKE: Mapping[str, Any] = {
    "converters": {
        "dac_bits": 7,
        "adc_bits": 9,
        "input_range": 1.0,
        "output_range": 20.0,
        "output_noise": 0.1,
        "noise_management": "abs_max",
        "bound_management": "iterative",
    },
    "pulse_train": {"kind": "stochastic", "length": TRAIN},
}
"""What aihwkit's presets have beside their devices, ``PresetIOParameters`` and
``PresetUpdateParameters``, as keys of ``device``."""


def missing() -> str | None:
    """Why there is nothing to compare with; None where there is."""
    return None if installed("aihwkit") else "aihwkit is not installed"


def samples(batch: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Inputs of shape ``(batch, 784)``, a fifth of them above 0, and classes.

    Args:
        batch: Number of samples.
        dtype: Type of the inputs.
    """
    generator = generator_for(0, "samples")
    x = torch.rand(batch, LAYERS[0], generator=generator)
    y = torch.randint(LAYERS[-1], (batch,), generator=generator)
    return (5.0 * x - 4.0).clamp_min(0.0).to(dtype), y


def analog_update(preset: str, batch: int) -> Work:
    """One step of AnalogSGD through a preset; aihwkit writes a batch sample by sample.

    Args:
        preset: A key of ``CLASSES``.
        batch: Samples of the step.
    """
    from aihwkit.nn import AnalogLinear, AnalogSequential  # noqa: PLC0415  (optional)
    from aihwkit.optim import AnalogSGD  # noqa: PLC0415

    config = _configuration(preset)
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(LAYERS):
        layers += [AnalogLinear(inputs, outputs, rpu_config=config), nn.ReLU()]
    network = AnalogSequential(*layers[:-1])
    optimizer = AnalogSGD(network.parameters(), lr=STEP_SIZE)
    optimizer.regroup_param_groups(network)
    return _step(network, optimizer, batch, torch.float32)


def plain_update(batch: int, dtype: torch.dtype = torch.float32, device: str = "cpu") -> Work:
    """One step of plain torch's SGD, without any chip.

    Args:
        batch: Samples of the step.
        dtype: Type of weights and inputs.
        device: Where it computes.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(LAYERS):
        layers += [nn.Linear(inputs, outputs, dtype=dtype, device=device), nn.ReLU()]
    network = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(network.parameters(), lr=STEP_SIZE)
    return _step(network, optimizer, batch, dtype, device)


def rank_one_update(preset: str, side: int, pulses: float) -> Work:
    """One rank-one update of a tile of ``side²`` devices by trains of random pulses.

    Inputs and errors are 1, so that every device gets the same number of pulses in the mean. Signs
    change from call to call, so that weights stay inside their range.

    Args:
        preset: A key of ``CLASSES``.
        side: Rows and columns.
        pulses: Mean number of pulses a device, at most ``TRAIN``.
    """
    from aihwkit.simulator.tiles import AnalogTile  # noqa: PLC0415

    config = _configuration(preset)
    config.update.desired_bl = TRAIN
    config.update.update_management = config.update.update_bl_management = False
    tile = AnalogTile(side, side, config, bias=False)
    tile.set_learning_rate(pulses * _step_of(config.device))
    x, error = torch.ones(1, side), torch.ones(1, side)

    def work() -> None:
        tile.update(x, error)
        error.neg_()

    return work


def _step_of(device: Any) -> float:
    """Size of one pulse; of either device of a pair."""
    return float(
        device.unit_cell_devices[0].dw_min
        if hasattr(device, "unit_cell_devices")
        else device.dw_min
    )


def _configuration(preset: str) -> Any:
    from aihwkit.simulator.presets import configs  # noqa: PLC0415

    return getattr(configs, CLASSES[preset])()


def _step(
    network: Any, optimizer: Any, batch: int, dtype: torch.dtype, device: str = "cpu"
) -> Work:
    x, y = (each.to(device) for each in samples(batch, dtype))
    loss = nn.CrossEntropyLoss()

    def work() -> None:
        optimizer.zero_grad()
        loss(network(x), y).backward()
        optimizer.step()

    return work
