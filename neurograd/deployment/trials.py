"""What a deployment would cost without one of its parts, or with a remedy: the same chips again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from neurograd.deployment.judging import Judged, allowed_after
from neurograd.deployment.programming import deployment_of
from neurograd.effects import read_noise
from neurograd.effects.chip_builder import build_chip
from neurograd.effects.effect import Effect, Stage
from neurograd.effects.layer_keys import layer_remedy
from neurograd.effects.registry import active_in
from neurograd.judge.cost import Allowed, Baseline, judge_chips, lost_decrease
from neurograd.judge.networks import Network, correct_table
from neurograd.judge.verdict import Cost, Verdict, mean_interval, mean_over_chips
from neurograd.measure.intervals import CONFIDENCE
from neurograd.problem import Problem
from neurograd.records.cost import VariantCost
from neurograd.records.training import AgedNetwork, DeploymentTrial, TrainedNetwork
from neurograd.spec import Spec

_ON_READS = (Stage.READ, Stage.PASS)
_ON_HELD = (Stage.DIGITAL, Stage.WRITE, Stage.AFTER)


@dataclass(frozen=True)
class Variant:
    """A spec whose networks are trained as before, and deployed otherwise.

    Attributes:
        name: For its stage.
        label: What a sentence calls the effect that is left out, or the remedy.
        spec: The spec with the change.
        leaves_out: How many effects are left out; 0 for a remedy.
        without: Those of them that are effects in training as well.
        remedy: What makes the effect that is left out smaller; None for a remedy, for several
            effects and where no key does.
    """

    name: str
    label: str
    spec: Spec
    leaves_out: int
    without: tuple[Effect, ...] = ()
    remedy: str | None = None


def variants(spec: Spec, problem: Problem, held: Sequence[Tensor]) -> list[Variant]:
    """What can be left out of a spec's deployment, and what can be tried by a key of it.

    All effects together are left out last of them, where there is more than one.

    Args:
        spec: The validated spec, with a deployment.
        problem: The spec's problem.
        held: The weights that each chip is programmed with, shape ``(N,)``: those that it was
            trained to hold, or of 0 steps those that it was given.
    """
    parts = [*after_training(spec), *_of_chip(spec, problem, held)]
    if len(parts) > 1:
        bare = _ideal_devices(spec)
        left_out = tuple(effect for part in parts for effect in part.without)
        parts.append(Variant("bare", "any of them", bare, len(parts), left_out))
    return [*parts, *_remedies(spec)]


def after_training(spec: Spec) -> Iterator[Variant]:
    """The effects that a deployment brings, and read noise, which may be of both kinds."""
    deployment = deployment_of(spec)
    error, noise = deployment.program_error, deployment.read_noise
    if error is not None and error.error != 0:
        words = "lower deployment.program_error"
        yield Variant("exact", "the programming error", _exact(spec), 1, remedy=words)
    if _drifts(spec):
        words = "program again before the first of deployment.times that is not tolerated"
        yield Variant("still", "conductance drift", _still(spec), 1, remedy=words)
    reads = _reads_noisily(spec)
    if noise != "none" or reads:
        keys = f"lower {read_noise.EFFECT.key}" if reads else None
        yield Variant("quiet", "read noise", _quiet(spec), 1, remedy=keys)


def _of_chip(spec: Spec, problem: Problem, held: Sequence[Tensor]) -> Iterator[Variant]:
    """The other effects of the chip that act on a network which is programmed and read."""
    for effect in active_in(spec, problem.num_samples):
        if effect != read_noise.EFFECT and _acts(effect, spec, problem, held):
            words = layer_remedy(effect, spec, problem.num_samples).words
            yield Variant(f"without-{effect.name}", effect.label, spec, 1, (effect,), words)


def _acts(effect: Effect, spec: Spec, problem: Problem, held: Sequence[Tensor]) -> bool:
    """Whether an effect changes how a network is read, or what is held of one of those given."""
    if effect.stage in _ON_READS:
        return True
    return effect.stage in _ON_HELD and any(
        not torch.equal(
            build_chip(spec, problem, index=index).program(weights),
            build_chip(spec, problem, index=index, without=(effect,)).program(weights),
        )
        for index, weights in enumerate(held)
        if bool(torch.isfinite(weights).all())
    )


def _remedies(spec: Spec) -> Iterator[Variant]:
    if _drifts(spec) and deployment_of(spec).compensation == "none":
        changed = _deployed(spec, compensation="global")
        yield Variant("compensated", "deployment.compensation: global", changed, 0)


def _drifts(spec: Spec) -> bool:
    return any(view.device is not None and view.device.drift for view in spec.views().values())


def _reads_noisily(spec: Spec) -> bool:
    devices = (view.device for view in spec.views().values())
    return any(device is not None and device.read.noise > 0 for device in devices)


def _exact(spec: Spec) -> Spec:
    return _deployed(spec, program_error=None)


def _still(spec: Spec) -> Spec:
    return _everywhere(spec, "drift", None)


def _quiet(spec: Spec) -> Spec:
    return _everywhere(_deployed(spec, read_noise="none"), "read", {"noise": 0.0})


def _ideal_devices(spec: Spec) -> Spec:
    return _exact(_still(_quiet(spec)))


def _deployed(spec: Spec, **keys: object) -> Spec:
    deployment = deployment_of(spec).model_copy(update=keys)
    return spec.model_copy(update={"deployment": deployment})


def _everywhere(spec: Spec, section: str, keys: Mapping[str, object] | None) -> Spec:
    """The spec with keys of a section of the device, in the chip and in layers with their own."""
    found: dict[str, object] = {}
    if spec.device is not None:
        old = getattr(spec.device, section)
        new = None if keys is None else old.model_copy(update=keys)
        found["device"] = spec.device.model_copy(update={section: new})
    layers = dict(spec.layers)
    for name, layer in layers.items():
        own = layer.given("device")
        if own is not None and section in own:
            new = None if keys is None else {**(own[section] or {}), **keys}
            layers[name] = layer.model_copy(update={"device": {**own, section: new}})
    return spec.model_copy(update={**found, "layers": layers})


def first_failure(judged: Judged) -> int | None:
    """Place of the first time that is not tolerated; None where there is none."""
    places = range(len(judged.deployment))
    failed = (k for k in places if judged.deployment[k].verdict is Verdict.NOT_TOLERATED)
    return next(failed, None)


def judge_trial(
    variant: Variant,
    baseline: Baseline,
    allowed: Allowed,
    twins: Sequence[TrainedNetwork],
    whole: Sequence[AgedNetwork],
    changed: Sequence[AgedNetwork],
) -> DeploymentTrial:
    """What chips of a variant cost at one time, each against its clean twin.

    Args:
        variant: The variant.
        baseline: The network before it learned.
        allowed: What training may cost.
        twins: The clean twin of each chip.
        whole: The chips as they are deployed.
        changed: The same chips of the variant.
    """
    judged = judge_chips(baseline, allowed_after(variant.spec, allowed), twins, changed)
    saves = _saved(baseline, twins, whole, changed)
    return DeploymentTrial(
        label=variant.label,
        leaves_out=variant.leaves_out > 0,
        effects=variant.leaves_out,
        remedy=variant.remedy,
        time=changed[0].time,
        cost=VariantCost.of(judged),
        saves=saves.value,
        saves_ci=saves.ci,
    )


def _saved(
    baseline: Baseline,
    twins: Sequence[Network],
    whole: Sequence[Network],
    changed: Sequence[Network],
) -> Cost:
    """Cost of chips minus that of the same chips deployed otherwise, in pairs."""
    if twins[0].correct is not None:
        return mean_over_chips(correct_table(changed) - correct_table(whole), CONFIDENCE)
    saved = [
        lost_decrease(baseline, twin, chip) - lost_decrease(baseline, twin, other)
        for twin, chip, other in zip(twins, whole, changed, strict=True)
    ]
    return mean_interval(saved, CONFIDENCE)
