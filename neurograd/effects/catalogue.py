"""What sets a chip apart from the ideal one, by the names and keys that a spec has for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effect:
    """One thing that sets a chip apart from the ideal one.

    Attributes:
        name: Its name in reports' data.
        label: What a sentence calls it.
        key: The key of the spec that switches it on.
    """

    name: str
    label: str
    key: str


CYCLE_TO_CYCLE = Effect("cycle_to_cycle", "cycle-to-cycle noise", "device.write.cycle_to_cycle")
NONLINEARITY = Effect("nonlinearity", "the nonlinear pulse response", "device.write.nonlinearity")
LEVELS = Effect("levels", "the finite number of levels", "device.conductance.levels")
DEVICE_TO_DEVICE = Effect(
    "device_to_device", "device-to-device variation", "device.write.device_to_device"
)
WRITE_NOISE = Effect("write_noise", "write noise", "device.pulsed.write_noise_std")
FAULTS = Effect("faults", "stuck devices", "device.faults")
ENDURANCE = Effect("endurance", "worn devices", "device.endurance")
LEAKAGE = Effect("leakage", "leaking synapses", "device.leakage")
DRIFT = Effect("drift", "conductance drift", "device.drift")
IR_DROP = Effect("ir_drop", "the IR drop", "device.ir_drop")
CONVERTERS = Effect("converters", "the converters", "device.converters")
PULSE_TRAIN = Effect("pulse_train", "updates by pulse trains", "device.pulse_train")
READ_NOISE = Effect("read_noise", "read noise", "device.read.noise")
WEIGHT_ROUNDING = Effect("weight_rounding", "weight quantization", "quantization.weight_bits")
UPDATE_ROUNDING = Effect("update_rounding", "update quantization", "quantization.update_bits")
MINIBATCH = Effect("minibatch", "minibatch sampling", "learning_rule.batch_size")
