"""What a deployment would cost without one of its parts, or with a remedy: the same chips again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from neurograd.deployment.judging import Judged, allowed_after
from neurograd.deployment.programming import deployment_of
from neurograd.judge.cost import Allowed, Baseline, judge_chips
from neurograd.judge.verdict import Verdict
from neurograd.records.cost import VariantCost
from neurograd.records.training import DeployedNetworks, DeploymentTrial, TrainedNetwork
from neurograd.spec import Spec


@dataclass(frozen=True)
class Variant:
    """A spec whose networks are trained as before, and deployed otherwise.

    Attributes:
        name: For its stage.
        label: What a sentence calls the effect that is left out, or the remedy.
        leaves_out: Whether an effect is left out.
        spec: The spec with the change.
    """

    name: str
    label: str
    leaves_out: bool
    spec: Spec


def variants(spec: Spec) -> Iterator[Variant]:
    """What can be left out of a spec's deployment, and what can be tried by a key of it."""
    deployment = deployment_of(spec)
    devices = [view.device for view in spec.views().values() if view.device is not None]
    drifts = any(device.drift is not None for device in devices)

    def deployed(**keys: object) -> Spec:
        return spec.model_copy(update={"deployment": deployment.model_copy(update=keys)})

    if deployment.program_error is not None and deployment.program_error.error != 0:
        without = deployed(program_error=None)
        yield Variant("exact", "the programming error", True, without)
    if drifts:
        yield Variant("still", "conductance drift", True, _everywhere(spec, "drift", None))
    if deployment.read_noise != "none" or any(device.read.noise > 0 for device in devices):
        silent = deployed(read_noise="none")
        yield Variant("quiet", "read noise", True, _everywhere(silent, "read", {"noise": 0.0}))
    if drifts and deployment.compensation == "none":
        changed = deployed(compensation="global")
        yield Variant("compensated", "deployment.compensation: global", False, changed)


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
    place: int,
    baseline: Baseline,
    allowed: Allowed,
    twins: Sequence[TrainedNetwork],
    deployed: Sequence[DeployedNetworks],
) -> DeploymentTrial:
    """What chips of a variant cost at one time, each against its clean twin.

    Args:
        variant: The variant.
        place: Which of the deployment's times.
        baseline: The network before it learned.
        allowed: What training may cost.
        twins: The clean twin of each chip.
        deployed: The chips of the variant.
    """
    aged = [chip.networks[place] for chip in deployed]
    judged = judge_chips(baseline, allowed_after(variant.spec, allowed), twins, aged)
    return DeploymentTrial(
        label=variant.label,
        leaves_out=variant.leaves_out,
        time=aged[0].time,
        cost=VariantCost.of(judged),
    )
