"""Records what an update launches on a GPU, to launch it again as a whole (a CUDA graph).

An update of a small network is some forty kernels of a few microseconds each, which a GPU waits for
while Python launches them one by one. What is replayed draws from the seed that its generator then
has, as updates taken one by one do, and has their numbers, bit for bit.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

import torch
from torch import Tensor, nn

from device_models import Chip, UnstableRuleError
from device_models.bare_layers import is_hooked
from device_models.protocols import Problem, UpdateSampler

TAKEN_BEFORE = 3
"""Updates taken one by one before one is recorded: they compile kernels and fill what is kept."""

_OWN = ("device_models.", "neurograd.")
"""Parts from elsewhere may remember something in Python from update to update."""

_LAYERS = (*_OWN, "torch.nn.", "snntorch.")
"""Where layers and losses are known to come from that keep nothing from call to call."""

CANNOT = (RuntimeError, UnstableRuleError)
"""What an update raises that waits for the GPU, or diverges where it is tried."""

_PLAIN = (Tensor, str, int, float, slice, torch.dtype, torch.device, type(None))


class RecordedProblem(Problem, Protocol):
    """A network with its loss, whose passes may be recorded."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        ...

    @property
    def module(self) -> nn.Module:
        """The network."""
        ...

    @property
    def loss_function(self) -> object:
        """Its loss."""
        ...


class Recording(Protocol):
    """What can be launched again."""

    def replay(self) -> None:
        """Launch it, with what now lies where it reads."""
        ...


def can_be_recorded(chip: Chip, problem: RecordedProblem) -> bool:
    """Whether what an update does is the same every time, but for its weights, samples and draws.

    So it is on a GPU of this project's own rules and effects, and of layers and losses of torch,
    snntorch and this project without hooks; others may keep something that a replay does not see.
    A recipe counts its updates.

    Args:
        chip: What takes the update.
        problem: Network, loss and data.
    """
    if problem.device.type != "cuda" or chip.recipe is not None:
        return False
    parts = (chip.rule, *chip.reads, *chip.writes, *chip.passes, problem.loss_function)
    return all(map(_is_own, parts)) and all(map(_is_known, problem.module.modules()))


def _is_known(layer: nn.Module) -> bool:
    """Whether a layer is one that keeps nothing, as it was made."""
    return type(layer).__module__.startswith(_LAYERS) and not is_hooked(layer)


def _is_own(value: object) -> bool:
    """Whether a part is of this project, with all that it is made of."""
    if isinstance(value, _PLAIN):
        return True
    if isinstance(value, Mapping):
        return all(map(_is_own, value.values()))
    if isinstance(value, tuple | list | set | frozenset):
        return all(map(_is_own, value))
    named = value if callable(value) else type(value)
    if not getattr(named, "__module__", "").startswith(_OWN):
        return False
    return all(map(_is_own, getattr(value, "__dict__", {}).values()))


def record_update(
    update: Callable[[], None], w: Tensor, generator: torch.Generator
) -> Recording | None:
    """Record an update, which is not taken; None where the GPU has to be waited for on the way.

    Args:
        update: Changes ``w`` in place, and draws from the generator alone.
        w: Weights, shape ``(N,)``, on the GPU.
        generator: Of the same GPU; seeded anew before each replay.
    """
    with torch.cuda.device(w.device):
        if _waits(update, w):
            return None
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(generator)
        now, aside = torch.cuda.current_stream(), torch.cuda.Stream()
        aside.wait_stream(now)
        with torch.cuda.stream(aside):
            graph.capture_begin(capture_error_mode="thread_local")
            try:
                update()
            except BaseException as error:
                # Whatever it is, an interrupt as well: nothing else may be recorded behind it.
                with suppress(RuntimeError):
                    graph.capture_end()
                if not isinstance(error, CANNOT):
                    raise
                return None
            graph.capture_end()
        now.wait_stream(aside)
        return graph


def sampler_of(chip: Chip, problem: RecordedProblem, w: Tensor) -> UpdateSampler:
    """``chip.sampler``, which a GPU replays where it can.

    Args:
        chip: What takes the update.
        problem: Network, loss and data.
        w: Stored weights, shape ``(N,)``.
    """
    sample = chip.sampler(problem, w)
    return _ReplayedSampler(sample, w) if can_be_recorded(chip, problem) else sample


class _ReplayedSampler:
    """Draws of an update at the same weights.

    Args:
        sample: Draws one.
        w: The weights, shape ``(N,)``.
    """

    def __init__(self, sample: UpdateSampler, w: Tensor) -> None:
        self._sample, self._taken = sample, 0
        self._generator, self._drawn = torch.Generator(w.device), torch.empty_like(w)
        self._recording: Recording | None = None

    def __call__(self, generator: torch.Generator) -> Tensor:
        if self._taken == TAKEN_BEFORE:
            self._recording = record_update(self._draw, self._drawn, self._generator)
        self._taken += 1
        if self._recording is None:
            return self._sample(generator)
        self._generator.set_state(generator.get_state())
        self._recording.replay()
        generator.set_state(self._generator.get_state())
        return self._drawn.clone()

    def _draw(self) -> None:
        self._drawn.copy_(self._sample(self._generator))


def _waits(update: Callable[[], None], w: Tensor) -> bool:
    """Whether an update waits for the GPU: tried once, and undone."""
    before, mode = w.clone(), torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        # That torch may overlook a wait: then the recording itself fails.
        warnings.simplefilter("ignore", UserWarning)
        torch.cuda.set_sync_debug_mode("error")
    try:
        update()
    except CANNOT:
        return True
    finally:
        torch.cuda.set_sync_debug_mode(mode)
        w.copy_(before)
    return False
