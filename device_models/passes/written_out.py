"""Converters as passes that are written out take them: one kind of array in every layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from device_models.passes.converters import MAX_HALVINGS, Converters, Quantizer


@dataclass(frozen=True)
class ArrayConverters:
    """Converters of every array, and what their noise is drawn from.

    Attributes:
        converters: Without arrays of a size of their own.
    """

    converters: Converters

    @property
    def source(self) -> torch.Generator | None:
        """Where noise is drawn from; None where there is none."""
        given = self.converters
        return given.source if given.output_noise > 0 else None

    def periphery(self) -> Any:
        """The same as compiled loops take it (``kernels.stack.converted.Periphery``)."""
        return _periphery(self.converters, self.source is not None)


@lru_cache(maxsize=64)
def _periphery(given: Converters, noisy: bool) -> Any:
    from device_models.kernels.stack.converted import Periphery  # noqa: PLC0415  (imports numba)

    managed = given.bound_management == "iterative"
    return Periphery(
        _coder(given.dac),
        _coder(given.adc),
        _coder(given.error_dac),
        _coder(given.error_adc),
        float(given.output_noise) if noisy else 0.0,
        given.noise_management == "abs_max",
        MAX_HALVINGS if managed else 0,
    )


def array_converters(passes: Callable[[], object]) -> ArrayConverters | None:
    """The converters whose ``applied`` a problem's passes run in; None where they run in another.

    Args:
        passes: As for ``Problem.through``.
    """
    effect = getattr(passes, "__self__", None)
    # What watches converters is one as well.
    if type(effect) is not Converters or passes != effect.applied:
        return None
    # Loops find the power of bound management in one go.
    in_one_go = effect.array_size is None and not effect.halves_one_by_one
    return ArrayConverters(effect) if in_one_go else None


def _coder(quantizer: Quantizer) -> Any:
    from device_models.kernels.stack.converted import Coder  # noqa: PLC0415  (imports numba)

    reach = 0.0 if quantizer.range is None else float(quantizer.range)
    return Coder(quantizer.step_of_unit_range, reach, quantizer.clips)
