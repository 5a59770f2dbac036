"""What a deployment would cost without one of its parts, or with a remedy: the same chips again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    deployment, device = deployment_of(spec), spec.device
    assert device is not None

    def deployed(**keys: object) -> Spec:
        return spec.model_copy(update={"deployment": deployment.model_copy(update=keys)})

    def of_device(**keys: object) -> Spec:
        return spec.model_copy(update={"device": device.model_copy(update=keys)})

    if deployment.program_error is not None and deployment.program_error.error != 0:
        without = deployed(program_error=None)
        yield Variant("exact", "the programming error", True, without)
    if device.drift is not None:
        yield Variant("still", "conductance drift", True, of_device(drift=None))
    if device.read.noise > 0:
        quiet = device.read.model_copy(update={"noise": 0.0})
        yield Variant("quiet", "read noise", True, of_device(read=quiet))
    if device.drift is not None and deployment.compensation == "none":
        changed = deployed(compensation="global")
        yield Variant("compensated", "deployment.compensation: global", False, changed)


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
