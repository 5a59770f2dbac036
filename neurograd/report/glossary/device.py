"""Terms of devices, rounding, batches and spiking networks."""

from __future__ import annotations

from neurograd.report.glossary.term import RANGE, Term

DEVICE: tuple[Term, ...] = (
    Term(
        "window",
        "G",
        "Conductance window",
        "From the smallest to the largest conductance that a device reaches; percentages of "
        "a device are parts of its length. Wires and drift see the smallest one as well; it "
        "counts as 0 where no window is known.",
        "siemens",
        "device.conductance.min, .max",
    ),
    Term(
        "levels",
        "",
        "Levels",
        "Pulses that take a device from one end of its window to the other. A change smaller "
        "than a pulse is rounded.",
        "pulses",
        "device.conductance.levels",
    ),
    Term(
        "granularity",
        "",
        "Granularity of pulses",
        "A device that is known by its pulses gets a whole number of them; what lies between two "
        "numbers is rounded, and the rounding of each update is noise or a loss.",
        "steps of one pulse",
        "device.pulsed.dw_min",
    ),
    Term(
        "potentiation",
        "",
        "Potentiation",
        "Pulses that raise a device's conductance.",
        "",
        "long-term potentiation, LTP",
    ),
    Term(
        "depression",
        "",
        "Depression",
        "Pulses that lower a device's conductance.",
        "",
        "long-term depression, LTD",
    ),
    Term(
        "nonlinearity",
        "",
        "Nonlinearity label",
        "How far conductance against pulse number bends away from a straight line: 0 is "
        "straight, 9 an abrupt jump; published devices have + for potentiation and − for "
        "depression.",
        "none, −9 to 9",
        "NeuroSim; device.write.nonlinearity",
    ),
    Term(
        "cycle_to_cycle",
        "",
        "Cycle-to-cycle noise",
        "Standard deviation of one pulse's effect around its mean, new at every pulse.",
        RANGE,
        "device.write.cycle_to_cycle",
    ),
    Term(
        "device_to_device",
        "",
        "Device-to-device variation",
        "Spread of windows and steps over devices, fixed for a chip.",
        RANGE,
        "device.write.device_to_device",
    ),
    Term(
        "read_noise",
        "",
        "Read noise",
        "Standard deviation of what a pass reads of one device, new at every read.",
        RANGE,
        "device.read.noise",
    ),
    Term(
        "thermal_noise",
        "",
        "Thermal noise",
        "Noise of a current through a conductance G at a temperature T over a bandwidth B, "
        "√(4kTGB), as part of a read.",
        "the square root of 4kTB/(V²·G_max) at the largest conductance",
        "Johnson and Nyquist, Phys. Rev. 32, 1928; device.read.bandwidth",
    ),
    Term(
        "differential_pair",
        "",
        "Differential pair",
        "Two devices whose difference of conductances stands for one weight, so that it can "
        "be negative.",
        "",
        "device.conductance.mapping",
    ),
    Term(
        "drift",
        "ν",
        "Drift exponent",
        "How fast a written conductance falls with time: G(t) = G·(t/t₀)^(−ν). With a spread it is "
        "the magnitude of a normal number. Both devices of a pair drift; a reference does not.",
        "none",
        "device.drift",
    ),
    Term(
        "ir_drop",
        "",
        "IR drop",
        "Voltage lost in an array's wires, which weakens devices far from the drivers; found from "
        "the array's network of resistors.",
        "",
        "device.ir_drop",
    ),
    Term(
        "stuck",
        "",
        "Stuck devices",
        "Devices that stay at one end of the window whatever is written.",
        "part of the devices",
        "device.faults",
    ),
    Term(
        "write_noise",
        "",
        "Write noise",
        "Noise between what a write leaves in a device and what passes then see of it, drawn anew "
        "at every write.",
        "steps of one pulse",
        "device.pulsed.write_noise_std",
    ),
    Term(
        "converters",
        "",
        "Converters",
        "Digital-to-analog and analog-to-digital conversion at the edges of an array: products "
        "are rounded and clipped.",
        "bits",
        "device.converters",
    ),
    Term(
        "converter_clipping",
        "",
        "Clipping",
        "Values beyond the range of a converter, of which only sign and range are left.",
        "part of the values",
        "device.converters.output_range",
    ),
    Term(
        "output_noise",
        "",
        "Output noise",
        "Standard deviation of the noise of a sum that leaves an array, in front of its converter.",
        "weights times inputs, of 1 at most with noise management",
        "device.converters.output_noise",
    ),
    Term(
        "leakage",
        "",
        "Leaking synapses",
        "Volatile devices whose weight decays between updates.",
        "updates until 1/e is left",
        "device.leakage",
    ),
    Term(
        "endurance",
        "",
        "Worn devices",
        "Devices that have failed at the array's age, after too many write cycles.",
        "part of the devices",
        "device.endurance",
    ),
    Term(
        "pulse_train",
        "",
        "Pulse trains",
        "Rank-one updates in the array itself: rows and columns send trains of pulses, and a "
        "device moves where two coincide.",
        "",
        "device.pulse_train",
    ),
)

DIGITAL: tuple[Term, ...] = (
    Term(
        "weight_quantization",
        "",
        "Weight quantization",
        "Weights are rounded to a grid before a pass sees them.",
        "bits",
        "quantization.weight_bits",
    ),
    Term(
        "update_quantization",
        "",
        "Update quantization",
        "Changes of weights are rounded to a grid, or to whole pulses, before they are written.",
        "bits",
        "quantization.update_bits",
    ),
    Term(
        "stochastic_rounding",
        "",
        "Stochastic rounding",
        "Rounding up or down at random so that the mean is right. Nearest rounding loses every "
        "change below half a step, stochastic rounding turns it into noise.",
        "",
        "quantization.update_rounding",
    ),
    Term(
        "minibatch",
        "",
        "Minibatch sampling",
        "Gradients from a few samples at a time. The reference is the gradient of the whole "
        "training set, so the sampling counts as variance.",
        "samples",
        "learning_rule.batch_size",
    ),
    Term(
        "cancellation",
        "κ",
        "Cancellation",
        "How many times as many pulses it takes to write every sample of a batch for itself as to "
        "write their sum: Σₙ|gₙ| / |Σₙgₙ|, its sums over all weights, or its median over them.",
        "",
        "learning_rule.write_each",
    ),
    Term(
        "learning_rule",
        "",
        "Learning rule",
        "How the chip estimates a gradient. Rules other than backpropagation bring bias or "
        "variance of their own.",
        "",
        "learning_rule.name",
    ),
)

SPIKING: tuple[Term, ...] = (
    Term(
        "surrogate",
        "",
        "Surrogate gradient",
        "A smooth derivative used in place of a spike's, which is 0 or infinite.",
        "",
        "network.surrogate",
    ),
    Term(
        "smoothing",
        "s",
        "Smoothing",
        "Standard deviation of the normal noise of the weights over which a spiking "
        "network's loss is averaged, so that it has a gradient. On a chip it is the read "
        "noise.",
        "weight units",
        "measure.smoothing; L_s(w) = E L(w + sξ)",
    ),
)
