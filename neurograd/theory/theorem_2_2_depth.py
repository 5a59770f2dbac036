"""Theorem 2.2 (Eq. 4): increasing depth lowers the impact of variance.

Statement, as printed. "For linear feedforward ANNs, the impact of variance on ΔL_t(0, σ²) for a
(L + 1) layer network is less than that of a L layer network, i.e.,

    ΔL_t(0, σ²) of L + 1 layers ≤ ΔL_t(0, σ²) of L layers

where each layer has d units and weights initialized by the Xavier initialization strategy and the
total variance in gradient estimates does not grow with the size of the network, i.e., f(N) is some
constant."

Source: Ghosh et al., ICLR 2023, section 2.1, Theorem 2.2, Eq. 4.

Proof idea (of `expected_hessian_trace`, ours and exact): by Lemma 2.1 the impact goes with
``Tr H/N``. Under squared error a linear network's output is linear in each layer's weights, so that
``Tr H`` is a sum over layers of ‖input of the layer‖² times ‖backward product‖². The weights of
different layers are independent, so each expectation is a product of widths and variances.

Where it fails: it is a statement in expectation at initialization, not about one network nor about
a trained one. With d units in *every* layer ``E[Tr H]/N`` is the same at any depth (equality); with
n inputs and m outputs it falls with depth for hidden widths above ``(n + m)/2`` and *rises* below.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from neurograd.theory.arguments import count, finite, non_negative
from neurograd.theory.theorem_2_3_relu import GATE


def variance_impact_per_parameter(hessian_trace: float, num_parameters: int) -> float:
    """``Tr H / N``, the quantity that Theorems 2.2 and 2.3 put in order (Eq. 4 and 5).

    Theorem 2.2: for linear networks it is no greater with L+1 layers than with L. Theorem 2.3: it
    is no greater with a threshold nonlinearity of gain at most 1 (a ReLU) than without. Both are
    statements *in expectation at initialization* (independent weights, as of Xavier's scheme), not
    about one network nor about a trained one: compare means over many seeds. Times
    ``½σ²f(N)Δt²`` it is the variance term of Eq. 3.

    Args:
        hessian_trace: ``Tr H``.
        num_parameters: ``N``, one or greater.

    Returns:
        Mean curvature per parameter, in units of the Hessian.

    Raises:
        ValueError: An argument is not finite or ``num_parameters`` is not a positive count.
    """
    return finite("hessian_trace", hessian_trace) / count("num_parameters", num_parameters)


def expected_hessian_trace(
    widths: Sequence[int],
    mean_input_square: float,
    *,
    relu: bool = False,
    init: str = "xavier",
    biases: bool = False,
) -> float:
    """``E[Tr H]`` of a fully connected network at initialization, under mean squared error.

    Ours: the exact expectation behind Theorems 2.2 and 2.3. Weights are independent, symmetric and
    of variance ``v_l`` (Xavier: ``2/(n_l + m_l)``, Kaiming: ``2/n_l``, for ``n_l`` inputs and
    ``m_l`` outputs of layer l), so that with ``n̄`` the mean of ``‖x‖²``

        ``E[Tr H] = 2 Σ_l (n̄ Π_{k<l} m_k v_k) · (Π_{k>l} n_k v_k) / 2^R``,

    R the number of ReLUs: each halves every product of a forward and a backward pass, as its gates
    are in distribution independent coins (Hanin and Nica, Commun. Math. Phys. 2020). So, for
    Xavier's scheme, a linear network with d units in *every* layer has the same ``E[Tr H]/N`` at
    any depth, and one with n inputs, m outputs and hidden layers of width d has one that falls
    with depth where ``d > (n + m)/2`` and *rises* below (no biases).

    Args:
        widths: Inputs, hidden widths and outputs; two numbers or more.
        mean_input_square: Mean of ``‖x‖²`` over the data, zero or greater.
        relu: Whether a ReLU follows every hidden layer.
        init: ``xavier`` or ``kaiming`` (fan-in, gain √2).
        biases: Whether layers have biases (0 at the start), which are parameters too.

    Returns:
        The expected trace over initializations, for a loss that is the mean over outputs.

    Raises:
        ValueError: An argument is outside its range.
    """
    if init not in ("xavier", "kaiming"):
        raise ValueError(f"init must be 'xavier' or 'kaiming', got {init!r}")
    if len(widths) < 2:
        raise ValueError(f"widths must be two or more, got {len(widths)}")
    layers = list(pairwise(count("widths", width) for width in widths))
    square = non_negative("mean_input_square", mean_input_square)
    variances = [2 / (n + m) if init == "xavier" else 2 / n for n, m in layers]
    gate = GATE if relu else 1.0
    forward = [square]  # E‖a‖² of what meets each layer
    for (_, m), v in list(zip(layers, variances, strict=True))[:-1]:
        forward.append(forward[-1] * m * v * gate)
    total, backward = 0.0, 1.0  # E‖δ‖² for one unit of error at the output
    for (n, _), v, met in reversed(list(zip(layers, variances, forward, strict=True))):
        total += 2 * backward * (met + biases)
        backward *= n * v * gate
    return total
