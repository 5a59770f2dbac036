"""One read behind which the samples of a batch pass, and what it takes to draw its noise."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from device_models.outer_products import ReadSpread, summed_gradients
from device_models.protocols import LearningRule, Problem, ReadPath
from device_models.read.gaussian_read import GaussianRead
from device_models.rules.backprop import Backprop

WEIGHTS_A_SAMPLE = 4000
"""Weights for every sample of a batch from which noise of a read is drawn by products.

Set by timings: on one core with 784-256-128-10, 235,146 weights, float64 and float32, batches of 10
take 0.3 and 0.2 ms, of 32 1.2 and 0.5 ms, noise of all weights 4.1 and 0.8 ms; with 64-32-10 the
latter is faster. Smaller takes smaller networks by products.
"""


def read_spread(reads: Sequence[ReadPath], generator: torch.Generator) -> ReadSpread | None:
    """All that some reads do, where it is independent normal noise of one size; None elsewhere.

    None on a GPU, too: there the noise of all weights takes three launches, by products above a
    hundred, and a launch takes longer than the numbers.
    """
    if generator.device.type == "cuda":
        return None
    if len(reads) != 1 or not isinstance(reads[0], GaussianRead) or reads[0].deterministic:
        return None
    return ReadSpread(reads[0].std, generator)


def batch_behind_noise(
    reads: Sequence[ReadPath],
    rule: LearningRule,
    problem: Problem,
    w: Tensor,
    generator: torch.Generator,
    index: Tensor | None,
) -> Tensor | None:
    """The gradient over a batch behind one noisy read, without the noise of every weight.

    The noise is drawn by what the passes multiply it by (``ReadSpread``).

    Args:
        reads: Read effects.
        rule: The rule on a batch.
        problem: Network, loss and data, without periphery.
        w: Stored weights, shape ``(N,)``.
        generator: Source of the noise.
        index: The samples of the batch; None for the whole set.

    Returns:
        Shape ``(N,)``; None, and nothing drawn, for the whole set, where rule, reads or network are
        others, or where the products would take longer.
    """
    if index is None or not isinstance(rule, Backprop):
        return None
    if len(index) * WEIGHTS_A_SAMPLE > w.numel():
        return None
    noise = read_spread(reads, generator)
    products = None if noise is None else rule.sample_products(problem, w, index, noise)
    return None if products is None else summed_gradients(next(products), w)
