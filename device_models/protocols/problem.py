"""What a learning rule may ask of the network, its loss and its data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Literal, Protocol, Self

from torch import Tensor


class Problem(Protocol):
    """What a learning rule may ask of the network, its loss and its data."""

    @property
    def num_samples(self) -> int:
        """Number of samples of the training set."""
        ...

    @property
    def num_parameters(self) -> int:
        """Number N of trainable weights."""
        ...

    def gradient(self, w: Tensor, index: Tensor | None = None) -> Tensor:
        """Gradient of the mean loss over the samples ``index`` (all when None), shape ``(N,)``."""
        ...

    def parameters_of(self, w: Tensor) -> dict[str, Tensor]:
        """Named parameter tensors that view into ``w``."""
        ...

    def flatten(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Named tensors as one vector of shape ``(N,)``; the inverse of ``parameters_of``."""
        ...

    def chunks(
        self, split: Literal["train", "test"] = "train", index: Tensor | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs and targets of the samples ``index`` (all when None), as many as a pass takes."""
        ...

    def batch(self, index: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Training inputs and targets of the samples ``index`` (all when None)."""
        ...

    def outputs(self, parameters: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """Network outputs for named parameters, differentiable, shape ``(n, ...)``."""
        ...

    def sample_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample, differentiable in the outputs, shape ``(n,)``."""
        ...

    def through(self, passes: Callable[[], AbstractContextManager[object]]) -> Self:
        """The same problem with every forward pass run inside a fresh context."""
        ...

    def per_sample_gradient_square_norms(self, w: Tensor) -> Tensor:
        """Squared norm of every sample's gradient, shape ``(num_samples,)``."""
        ...
