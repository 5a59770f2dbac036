"""Terms of the update and its error, and of the cost of one step."""

from __future__ import annotations

from neurograd.report.glossary.term import GHOSH, GRADIENT, GRADIENT_SQUARED, HERE, Term

UPDATE: tuple[Term, ...] = (
    Term(
        "update",
        "Δw",
        "Weight update",
        "What the chip adds to the weights in one step, divided by Δt, so that an ideal "
        "chip's is −g.",
        GRADIENT,
        f"{GHOSH}, Eq. 1",
    ),
    Term(
        "step",
        "",
        "Step",
        "Number of updates of the clean training before the point at which something was measured.",
        "updates",
        HERE,
    ),
    Term(
        "step_size",
        "Δt",
        "Step size",
        "The learning rate: weights change by Δt times the update. A write error of fixed "
        "size counts for more when Δt is small. Where it falls along the training, that of the "
        "update that comes next.",
        "weight unit² per loss",
        f"{GHOSH}, Eq. 1",
    ),
    Term(
        "loss",
        "L",
        "Loss",
        "Mean loss on the training set: cross-entropy for classes, squared error otherwise.",
        "loss",
        HERE,
    ),
    Term(
        "grad_norm",
        "‖g‖",
        "Gradient norm",
        "Length of the gradient of the loss on the whole training set. Bias and noise "
        "matter in proportion to it.",
        GRADIENT,
        f"{GHOSH}, Eq. 1",
    ),
    Term(
        "num_parameters",
        "N",
        "Number of weights",
        "All weights and biases of the network, as one flat vector.",
        "weights",
        f"{GHOSH}, Eq. 1",
    ),
    Term(
        "b",
        "b",
        "Bias",
        "Root mean square over the weights of what the mean update is off from −g. '<' gives "
        "the upper bound where no bias was detected.",
        GRADIENT,
        f"{GHOSH}, Eq. 1: b = ‖E[Δw] + g‖/√N",
    ),
    Term(
        "beta",
        "β",
        "Bias direction",
        "The bias as a vector, scaled to length √N.",
        "none",
        f"{GHOSH}, Eq. 1",
    ),
    Term(
        "total_variance",
        "σ²f(N)",
        "Total variance",
        "How much single updates scatter around their mean, summed over all weights.",
        GRADIENT_SQUARED,
        f"{GHOSH}, Eq. 1: trace of the covariance Σ of Δw",
    ),
    Term(
        "inverse_noise_ratio",
        "noise/‖g‖",
        "Inverse noise ratio",
        "Length of the noise of one update over the gradient's. Training often works far "
        "above 1, because noise averages out over steps and a bias does not.",
        "none",
        f"{GHOSH}: √(σ²f(N))/‖g‖",
    ),
    Term(
        "gain",
        "gain",
        "Gain",
        "How long the mean update is along −g, over ‖g‖. 1 is the right step; another "
        "positive gain is a rescaled step size, not harm.",
        "none",
        "⟨E[Δw], −g⟩/‖g‖²",
    ),
    Term(
        "cosine",
        "cosine",
        "Cosine",
        "Cosine of the angle between the mean update and −g: 1 is the right direction, 0 is "
        "at a right angle. A dash stands where the mean is lost in noise.",
        "none",
        "⟨E[Δw], −g⟩/(‖E[Δw]‖‖g‖)",
    ),
    Term(
        "alpha",
        "α",
        "Scaling exponent",
        "How the total variance grows with the number of weights: f(N) in proportion to "
        "N^α over a family of widths.",
        "none",
        f"{GHOSH}, Section 2; theory.scaling_exponent",
    ),
)

ONE_STEP: tuple[Term, ...] = (
    Term(
        "delta_loss",
        "ΔL",
        "Loss change",
        "Expected loss after the chip's step minus that after a clean step from the same "
        "weights. Above 0 the chip's step is worse.",
        "loss",
        f"{GHOSH}, Lemma 2.1 (Eq. 3)",
    ),
    Term(
        "predicted_bias",
        "by bias",
        "Cost by bias",
        "The part of the loss change that the bias causes. It is negative where a gain above "
        "1 makes larger steps that still go down.",
        "loss",
        "Eq. 3: b⟨g,β⟩Δt + ½b²βᵀHβΔt² − b gᵀHβΔt²",
    ),
    Term(
        "predicted_variance",
        "by noise",
        "Cost by noise",
        "The part of the loss change that the noise causes, with its measured covariance.",
        "loss",
        "½Δt²·Tr(HΣ)",
    ),
    Term(
        "predicted_variance_white",
        "if white",
        "Cost of white noise",
        "What noise of the same total variance would cost if it were the same in all "
        "directions, as the paper has it.",
        "loss",
        "Eq. 3: ½Δt²·σ²f(N)·Tr H/N",
    ),
    Term(
        "predicted_kinks",
        "by kinks",
        "Cost by kinks",
        "The part of the loss change of the kinks that the step crosses, less those that the clean "
        "step crosses. The Hessian does not see them; late in training of a ReLU network they can "
        "cost more than all else.",
        "loss",
        "mean over samples of Σ J·g·κ(z, μ, s); theory.expected_kink",
    ),
    Term(
        "predicted",
        "predicted ΔL",
        "Predicted loss change",
        "Cost by bias plus cost by noise plus cost by kinks.",
        "loss",
        f"{GHOSH}, Lemma 2.1 (Eq. 3)",
    ),
    Term(
        "measured",
        "measured ΔL",
        "Measured loss change",
        "The same difference, measured by taking steps. What is nearly the same number and has a "
        "known mean is subtracted so that few steps suffice: what each layer's own noise adds to "
        "its products, or else the first-order term.",
        "loss",
        HERE,
    ),
    Term(
        "agree",
        "agree",
        "Agreement",
        "Whether measured minus predicted is what the prediction is known to leave out: at 99 % "
        "for all points together, and but for terms beyond the second order, which shrink with the "
        "third power of the step (a quarter of it is taken to see that).",
        "",
        HERE,
    ),
    Term(
        "interval",
        "99 %",
        "Interval",
        "Range that holds the true value with the stated confidence, two-sided and 99 % unless it "
        "says otherwise. The bounds that decide are one-sided.",
        "as the value",
        "delete-a-group jackknife; Student's t for chips",
    ),
)
