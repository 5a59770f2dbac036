"""Terms of curvature and descent."""

from __future__ import annotations

from neurograd.report.glossary.term import CURVATURE_UNIT, GHOSH, GRADIENT_SQUARED, HERE, Term

CURVATURE: tuple[Term, ...] = (
    Term(
        "hessian",
        "H",
        "Hessian",
        "Matrix of second derivatives of the loss: how fast the gradient changes with the weights.",
        CURVATURE_UNIT,
        f"{GHOSH}, Eq. 3",
    ),
    Term(
        "trace",
        "Tr H",
        "Trace of the Hessian",
        "Sum of the Hessian's eigenvalues. White noise costs in proportion to Tr H/N, which a ReLU "
        "lowers at initialization, and depth where hidden layers are wider than half of inputs and "
        "outputs together.",
        CURVATURE_UNIT,
        f"{GHOSH}, Theorems 2.2 and 2.3",
    ),
    Term(
        "lambda_max",
        "λ max",
        "Largest eigenvalue",
        "Curvature in the Hessian's sharpest direction. Clean training is stable while "
        "λ max·Δt stays below 2.",
        CURVATURE_UNIT,
        "Lanczos' method",
    ),
    Term(
        "lambda_min",
        "λ min",
        "Smallest eigenvalue",
        "Curvature in the direction in which the loss bends least or downwards; below 0 away "
        "from a minimum.",
        CURVATURE_UNIT,
        "Lanczos' method",
    ),
    Term(
        "frobenius",
        "ψ",
        "Frobenius norm",
        "Root of the sum of the squared eigenvalues of the Hessian: the paper's measure of "
        "curvature in Theorem 3.2.",
        CURVATURE_UNIT,
        f"{GHOSH}, Theorem 3.2",
    ),
    Term(
        "kappa",
        "κ",
        "Curvature along the gradient",
        "What the Hessian is in the direction of the gradient: it decides whether the clean "
        "step goes down.",
        CURVATURE_UNIT,
        "gᵀHg/‖g‖²; exact form of Theorem 3.1",
    ),
    Term(
        "anisotropy",
        "aniso.",
        "Anisotropy",
        "How much more the chip's noise costs than white noise of the same total variance, kinks "
        "included. Above 1 it lies in directions of large curvature, or moves units near a kink.",
        "none",
        "N·Tr(HΣ)/(Tr H·Tr Σ) without kinks",
    ),
    Term(
        "exact_margin",
        "margin",
        "Descent margin",
        "Expected change of the loss by the chip's own step, over Δt: below 0 the loss falls. "
        "'descent' says whether the whole 99 % interval lies below 0.",
        GRADIENT_SQUARED,
        "⟨g,d⟩ + ½Δt(dᵀHd + Tr(HΣ)) + kinks/Δt, d = E[Δw]",
    ),
    Term(
        "noise_threshold",
        "λ limit",
        "Noise threshold",
        "With every eigenvalue of the Hessian below it the expected step goes down in spite "
        "of noise; with every one above it, it does not. In brackets where it does not hold: where "
        "the network has kinks, which its Hessian does not see, or the update a bias.",
        CURVATURE_UNIT,
        f"{GHOSH}, Theorem 3.1 (Eq. 7): (2/Δt)/(1 + σ²f(N)/‖g‖²)",
    ),
    Term(
        "bias_ratio",
        "r",
        "Bias ratio",
        "Length of the bias over the gradient's. Below 1 the mean update still points downhill.",
        "none",
        f"{GHOSH}, Theorem 3.2: b√N/‖g‖",
    ),
    Term(
        "bias_threshold_safe",
        "r safe",
        "Safe bias threshold",
        "Bias ratio up to which descent is guaranteed, whatever the bias's direction: the "
        "corrected Theorem 3.2. In brackets where it does not hold: where the network has kinks, "
        "or the update noise.",
        "none",
        "min(1, 2/(λ max·Δt) − 1)",
    ),
    Term(
        "bias_threshold_published",
        "r printed",
        "Printed bias threshold",
        "The paper's bound. It is needlessly strict at small curvature and unsafe where "
        "ψΔt is above 1.464.",
        "none",
        f"{GHOSH}, Theorem 3.2 (Eq. 8): 2/(1 + s + √(1 + 4s + s²)), s = ψΔt",
    ),
    Term(
        "kink",
        "",
        "Kink",
        "Where the slope of an activation jumps: a ReLU switches on or off, the maximum of a "
        "pooling passes to another input. A finite write crosses kinks, which the Hessian does "
        "not see; what they cost is predicted apart (by kinks).",
        "",
        HERE,
    ),
)
