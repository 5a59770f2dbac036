"""Whether the chips of two specs are the same ones, by what they depend on.

Finished stages have a stricter identity (``ChipTask``), since snapshots and points are kept beside
them. Here the chips alone count, as they are trained and as they are deployed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from neurograd.effects.drift import acts_in_training
from neurograd.effects.minibatch import is_batched
from neurograd.pipeline.check import Checking
from neurograd.pipeline.identity import CHIPS, CLEAN_MEASURE, JUDGES, SAYS, ChipTask
from neurograd.spec import Spec, spec_to_dict

_MEASURE = tuple(key for key in CLEAN_MEASURE if key != "points")
"""Keys of ``measure`` that a training depends on, wherever its weights are kept."""


def trained_alike(a: Checking, b: Checking) -> bool:
    """Whether two specs have the same chips at the end of the training."""
    return _task(a, _of_training(a)) == _task(b, _of_training(b))


def same_throughout(a: Checking, b: Checking) -> bool:
    """Whether two specs have the same chips, after programming as well."""
    return _task(a, _of_chips(a)) == _task(b, _of_chips(b))


def _task(work: Checking, keys: dict[str, Any]) -> ChipTask:
    """All else that chips depend on, with these keys."""
    factors = {"output_scales": work.spec.output_scales}
    return replace(work.task, keys=keys, clean=replace(work.task.clean, keys=factors))


def _of_chips(work: Checking) -> dict[str, Any]:
    """Keys that the chips depend on; equal where a batch is all samples, however it is written."""
    spec, samples = work.spec, work.problem.num_samples
    keys = {k: each for k, each in spec_to_dict(spec).items() if k not in (*SAYS, *JUDGES)}
    keys["measure"] = {key: keys["measure"][key] for key in _MEASURE}
    keys["training"] = {k: each for k, each in keys["training"].items() if k not in CHIPS}
    if not is_batched(spec, samples):
        length = {"steps": spec.count_updates(samples), "epochs": None, "order": None}
        keys["training"] = {**keys["training"], **length}
        keys["learning_rule"] = {**keys["learning_rule"], "batch_size": "full"}
    return keys


def _of_training(work: Checking) -> dict[str, Any]:
    """Keys that the chips depend on until they are trained."""
    keys = {**_of_chips(work), "deployment": None}
    keys["device"] = _in_training(work.spec, keys["device"])
    views = work.spec.views()
    keys["layers"] = {
        name: {
            key: _in_training(views[name], each) if key == "device" else each for key, each in own
        }
        for name, own in ((name, layer.items()) for name, layer in keys["layers"].items())
    }
    return keys


def _in_training(view: Spec, device: Any) -> Any:
    """The keys of a device, without a drift that no read of a training finds."""
    if not isinstance(device, dict) or acts_in_training(view):
        return device
    return {key: each for key, each in device.items() if key != "drift"}
