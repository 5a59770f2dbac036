"""What a data set is: training and test data, and what kind of targets they have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn


@dataclass(frozen=True)
class Dataset:
    """Training and test data.

    Attributes:
        name: Name of the data set.
        inputs: Training inputs, shape ``(n, ...)``.
        targets: Class indices, shape ``(n,)``, or real targets, shape ``(n, outputs)``.
        test_inputs: Test inputs.
        test_targets: Test targets.
        kind: ``classification`` or ``regression``.
        teacher: The network that made the targets, where there is one.
        remarks: How a user's files were read, in sentences.
    """

    name: str
    inputs: Tensor
    targets: Tensor
    test_inputs: Tensor
    test_targets: Tensor
    kind: Literal["classification", "regression"]
    teacher: nn.Module | None = None
    remarks: tuple[str, ...] = ()

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.inputs.shape[1:])

    @property
    def output_size(self) -> int:
        """Number of classes, or of real outputs."""
        if self.kind == "regression":
            return int(self.targets.shape[1])
        return int(max(self.targets.max(), self.test_targets.max())) + 1
