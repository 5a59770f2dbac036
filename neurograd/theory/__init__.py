"""The paper's equations, and our exact forms of them, as pure functions of numbers.

Source: Ghosh, Liu, Lajoie, Körding and Richards, "How gradient estimator variance and bias could
impact learning in neural circuits" (ICLR 2023). Equation and theorem numbers are the paper's.

A weight update, in gradient units, is ``Δw = −g + b·β + ε``, with ``g = ∇L(w)``, ``‖β‖ = √N`` and
``ε`` of zero mean; the step is ``w ← w + Δt·Δw`` (Eq. 1). White noise has the covariance
``Σ = (σ²f(N)/N)·I``; its *total* variance is ``σ²f(N) = Tr Σ``. Units, if L is the loss and W the
weight: ``g``, ``b`` and ``ε`` are L/W, a Hessian is L/W², ``Δt`` is W²/L, and so on.

Everything here is exact for a quadratic loss and a second-order Taylor expansion for any other. One
file an equation or theorem, each with its statement, source, proof idea and where it fails:

| file                     | equation | what it says                                           |
| ------------------------ | -------- | ------------------------------------------------------ |
| equation_1_scaling       | 1        | how total variance grows with the number of parameters |
| lemma_2_1_loss_change    | 2, 3     | what bias and white noise add to the loss in one step  |
| noise_covariance         | (3)      | the same for noise of any covariance; anisotropy       |
| kinks                    | (3)      | what the kinks that a step crosses add to it           |
| theorem_2_2_depth        | 4        | depth against the impact of variance                   |
| theorem_2_3_relu         | 5        | a ReLU against the impact of variance                  |
| theorem_2_4_bias         | 6        | the impact of bias against the gradient's norm         |
| theorem_3_1_noise        | 7        | the curvature from which noise prevents descent        |
| exact_descent            | (7, 8)   | whether a step with known mean and covariance descends |
| theorem_3_2_bias_ratio   | 8        | how great a bias may be, as printed and as it holds    |
| corollary_a_2_many_steps | A.2      | many steps around a minimum, and the loss floor        |
| stationary_noise         | (A.2)    | the same for noise of any covariance and any mean      |
| asymmetry                |          | the bias that an asymmetric write makes of noise       |

No file is named like a function, so that importing a file never hides the function.
"""

from neurograd.theory.asymmetry import (
    asymmetric_write_mean,
    gaussian_mean_absolute,
    write_symmetry,
)
from neurograd.theory.corollary_a_2_many_steps import ManySteps, loss_floor, many_steps
from neurograd.theory.equation_1_scaling import ScalingExponent, scaling_exponent
from neurograd.theory.exact_descent import exact_margin
from neurograd.theory.kinks import (
    Kink,
    expected_kink,
    expected_kinks,
    hard_tanh_kinks,
    leaky_relu_kinks,
)
from neurograd.theory.lemma_2_1_loss_change import LossChange, lemma_2_1, white_variance_term
from neurograd.theory.noise_covariance import anisotropy, covariance_variance_term
from neurograd.theory.stationary_noise import (
    asymmetric_jacobian,
    covariance_after,
    mean_path_correction,
    settled_steps,
    stationary_covariance,
)
from neurograd.theory.theorem_2_2_depth import (
    expected_hessian_trace,
    variance_impact_per_parameter,
)
from neurograd.theory.theorem_2_3_relu import relu_trace_ratio
from neurograd.theory.theorem_2_4_bias import bias_loss_change
from neurograd.theory.theorem_3_1_noise import (
    descends_in_noise,
    noise_curvature_threshold,
    noise_descent_margin,
)
from neurograd.theory.theorem_3_2_bias_ratio import (
    FORMS,
    Counterexample,
    bias_ratio,
    bias_ratio_threshold,
    counterexample_3_2,
    published_bias_ratio_approximation,
)

__all__ = [
    "FORMS",
    "Counterexample",
    "Kink",
    "LossChange",
    "ManySteps",
    "ScalingExponent",
    "anisotropy",
    "asymmetric_jacobian",
    "asymmetric_write_mean",
    "bias_loss_change",
    "bias_ratio",
    "bias_ratio_threshold",
    "counterexample_3_2",
    "covariance_after",
    "covariance_variance_term",
    "descends_in_noise",
    "exact_margin",
    "expected_hessian_trace",
    "expected_kink",
    "expected_kinks",
    "gaussian_mean_absolute",
    "hard_tanh_kinks",
    "leaky_relu_kinks",
    "lemma_2_1",
    "loss_floor",
    "many_steps",
    "mean_path_correction",
    "noise_curvature_threshold",
    "noise_descent_margin",
    "published_bias_ratio_approximation",
    "relu_trace_ratio",
    "scaling_exponent",
    "settled_steps",
    "stationary_covariance",
    "variance_impact_per_parameter",
    "white_variance_term",
    "write_symmetry",
]
