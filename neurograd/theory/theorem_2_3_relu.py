"""Theorem 2.3 (Eq. 5): a ReLU lowers the impact of variance.

Statement, as printed. "Let φ(·) denote a threshold non-linearity function. The impact of variance
on ΔL_t(0, σ²) for a network with such non-linearities is less than that of an equivalent linear
network, i.e.,

    ΔL_t(0, σ²) with φ ≤ ΔL_t(0, σ²) of the linear network

where the gain of φ(·) is less than or equal to 1 (e.g. ReLU)."

Source: Ghosh et al., ICLR 2023, section 2.1, Theorem 2.3, Eq. 5.

Proof idea (of the exact factor, ours): under squared error ``Tr H`` is a sum over layers of a
forward product times a backward product of weights and gates. With weights that are independent and
symmetric the gates of a ReLU are in distribution independent fair coins (Hanin and Nica, Commun.
Math. Phys. 2020), and every product passes each of the R hidden layers once: a factor ½ each.

Where it fails: it is a statement in expectation at initialization. One draw of the weights, or a
trained network, can have the greater ``Tr H`` with the ReLU. Biases have a shorter product, which
passes fewer gates, so that `relu_trace_ratio` is the factor of the weights alone. And the Hessian
does not see the kinks (`neurograd.theory.kinks`), whose cost a ReLU network has on top of Eq. 3's
variance term. At initialization they have no sign of their own: over initializations of Figure 3's
students they are 0 in the mean, with a standard deviation of 0.26, 0.55, 1.3 and 7.9 of that term
for 1, 2, 4 and 8 hidden layers. In the mean the theorem holds with kinks as well; of one deep
network it says nothing: there noise often lowers the loss.
"""

from __future__ import annotations

from neurograd.theory.arguments import count

GATE = 0.5
"""Probability that a ReLU passes, at initialization with symmetric weights."""


def relu_trace_ratio(hidden_layers: int) -> float:
    """``E[Tr H]`` with a ReLU behind every hidden layer over that of the linear network, ``2^−R``.

    At initialization, without biases, under mean squared error (`expected_hessian_trace`).

    Args:
        hidden_layers: R, one or greater.

    Returns:
        The factor, a pure number from 0 to 1/2.

    Raises:
        ValueError: ``hidden_layers`` is not a positive count.
    """
    ratio: float = GATE ** count("hidden_layers", hidden_layers)
    return ratio
