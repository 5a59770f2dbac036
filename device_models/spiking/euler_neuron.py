"""Integrating neurons with constants of their own each, in forward Euler steps."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from device_models.spiking.network import Reset, carry, fire
from device_models.spiking.surrogate_gradient import Surrogate


class NeuronState(NamedTuple):
    """What neurons have after a time step, each of shape ``(n, *shape)``.

    Attributes:
        potential: Membrane potentials, before the reset that their spikes cause.
        current: Synaptic currents; the inputs themselves where there is no synapse.
        output: Spikes, or the potentials of neurons that do not spike.
    """

    potential: Tensor
    current: Tensor
    output: Tensor


class EulerNeuron(nn.Module):
    """Leaky or perfect integrators of a current, with or without a synapse, that may spike.

    One forward Euler step of ``τ v̇ = v_leak − v + R·I`` and ``τ_s İ = −I + w_in·x`` (LIF and
    CubaLIF of Pedersen et al., Nature Communications 15, 8122 (2024)), written as

        I_t = a·I_{t−1} + k_s·x_t   (I_t = x_t without a synapse)
        v_t = β·v_{t−1} + k·I_t + c,    a spike where v_t > threshold,

    where the synapse's new current acts at once, as in snntorch. A spike acts on v_{t−1} in the
    next step: ``zero`` puts v_reset in its place, before the leak; ``subtract`` takes the threshold
    off v_t, after the leak, as snntorch's neurons do. Both pass no gradient. All begin at 0.

    Every constant is a buffer, of the neurons' shape or one that broadcasts to it.

    Args:
        decay: β.
        gain: k.
        leak: c.
        threshold: Potential above which a neuron spikes; None for neurons that do not.
        v_reset: Potential after a spike, for ``zero``.
        synapse: a and k_s; None without a synapse.
        reset: ``zero`` or ``subtract``.
        surrogate: The spike function.
    """

    def __init__(
        self,
        decay: Tensor,
        gain: Tensor,
        leak: Tensor,
        *,
        threshold: Tensor | None = None,
        v_reset: Tensor | None = None,
        synapse: tuple[Tensor, Tensor] | None = None,
        reset: Reset = "zero",
        surrogate: Surrogate | None = None,
    ) -> None:
        super().__init__()
        self.reset = reset
        self.surrogate = surrogate or Surrogate()
        self.spikes = threshold is not None
        self.decay: Tensor
        self.gain: Tensor
        self.leak: Tensor
        self.threshold: Tensor | None
        self.v_reset: Tensor | None
        self.synapse_decay: Tensor | None
        self.synapse_gain: Tensor | None
        constants = {"decay": decay, "gain": gain, "leak": leak}
        optional = {"threshold": threshold, "v_reset": v_reset}
        pair = synapse or (None, None)
        for name, value in {
            **constants, **optional, "synapse_decay": pair[0], "synapse_gain": pair[1],
        }.items():  # fmt: skip
            self.register_buffer(name, value)

    def at_rest(self, samples: int) -> Tensor:
        """Outputs before the first step: no spikes, or potentials of 0; shape ``(n, *shape)``."""
        return self.decay.new_zeros((samples, *self.decay.shape))

    def forward(self, inputs: Tensor, before: NeuronState | None, step: int) -> NeuronState:
        """One time step.

        Args:
            inputs: What comes in, shape ``(n, *shape)``.
            before: The state after the step before; None in the first.
            step: Number of the step, from 0.
        """
        current = inputs
        if self.synapse_gain is not None and self.synapse_decay is not None:
            current = self.synapse_gain * inputs
            if before is not None:
                current = self.synapse_decay * carry(before.current, step) + current
        potential = self.gain * current + self.leak
        if before is not None:
            potential = self._kept(before, step) + potential
        if self.threshold is None:
            return NeuronState(potential, current, potential)
        output = fire(potential - self.threshold, self.surrogate)
        return NeuronState(potential, current, output)

    def _kept(self, before: NeuronState, step: int) -> Tensor:
        """What the potential of the step before leaves, after its spikes' reset."""
        potential = carry(before.potential, step)
        if self.threshold is None:
            return self.decay * potential
        spikes = before.output.detach()
        if self.reset == "subtract":
            return self.decay * potential - spikes * self.threshold
        kept = (1.0 - spikes) * potential
        if self.v_reset is not None:
            kept = kept + spikes * self.v_reset
        return self.decay * kept
