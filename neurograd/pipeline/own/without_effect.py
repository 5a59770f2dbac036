"""Keys that change no number although the chip that is built with them is another object.

``idle_keys`` compares chips part by part; here another part does the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from device_models.rules.layerwise import hidden_calls
from neurograd.problem import Problem
from neurograd.spec import Device, Spec

_OF_HIDDEN_LAYERS = ("direct_feedback_alignment", "local_loss", "sign_symmetric")
"""Rules that are backprop where there is no hidden layer."""


def without_effect(spec: Spec, problem: Problem) -> Iterator[tuple[str, str]]:
    """Keys that are set and do nothing, each with the reason.

    Args:
        spec: The validated spec.
        problem: Its problem.
    """
    rule, network = spec.learning_rule, spec.network
    if rule.name in _OF_HIDDEN_LAYERS and not hidden_calls(problem, problem.initial_weights)[0]:
        yield "learning_rule.name", f"without a hidden layer {rule.name} is backprop"
    plain = network.kind == "rate" and network.architecture == "mlp"
    if plain and not network.hidden and network.activation not in (None, "relu"):
        yield "network.activation", "it acts on hidden layers, and the network has none"
    steps, truncation = network.time_steps, rule.truncation
    if truncation is not None and steps is not None and truncation >= steps:
        yield "learning_rule.truncation", f"a sample has {steps} time steps, all of which count"
    if spec.device is not None and not spec.layers:
        yield from _of_device(spec, spec.device)


def _of_device(spec: Spec, device: Device) -> Iterator[tuple[str, str]]:
    digital = spec.quantization
    if (
        digital is not None
        and digital.update_rounding != "stochastic"
        and digital.update_bits is digital.weight_bits is None
        and device.pulse_train is not None
    ):
        why = "coincidences of a pulse train (device.pulse_train) are whole pulses already"
        yield "quantization.update_rounding", why
    if device.devices_per_weight is not None and _is_exact(device):
        why = "its devices are exact, without levels, noise, spread or faults"
        yield "device.devices_per_weight", why


def _is_exact(device: Device) -> bool:
    """Whether one device holds and takes any weight of its range as several do."""
    parts = (device.write, device.read, device.faults)
    plain = all(part == type(part)() for part in parts)
    counted = (device.pulsed, device.measured, device.conductance.levels)
    return plain and counted == (None, None, None)
