"""Kept forecasts are taken by their content: by the way that they go, and by what was changed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import pytest
import torch

from neurograd.explain.variants import variants
from neurograd.pipeline.build import active_effects
from neurograd.pipeline.check import Checking
from neurograd.pipeline.identity import ChipTask, digest_of
from neurograd.pipeline.limits.outlook import Outlook
from neurograd.pipeline.pool import Inline
from neurograd.spec import validate_spec

CPU = torch.device("cpu")
C2C = "device.write.cycle_to_cycle"


def _spec(seeds, *, cycle_to_cycle=0.03, **sections):
    """A chip whose updates are drawn where there are enough chips, and else follow a path."""
    return validate_spec(
        {
            "device": {
                "conductance": {"weight_range": 1.5},
                "read": {"noise": 0.001},
                "write": {"model": "linear", "cycle_to_cycle": cycle_to_cycle},
            },
            "network": {"hidden": [8]},
            "task": {"name": "digits", "train_samples": 60, "test_samples": 60},
            "training": {"step_size": 0.2, "steps": 12, "seeds": seeds, "max_seeds": seeds},
            **sections,
        }
    )


def _variant(stages):
    return variants(active_effects(stages.spec, stages.problem))[0]


OF_STAGES = {
    "chip": lambda stages: stages.predicted_network(0),
    "variant": lambda stages: stages.predicted_variant(_variant(stages), 0),
    "change": lambda stages: stages.predicted_change("tried-0", {C2C: "2.9 %"}, 0),
}


@pytest.mark.parametrize("predicted", OF_STAGES.values(), ids=OF_STAGES)
def test_forecasts_of_a_check_are_those_of_its_number_of_chips(predicted, tmp_path):
    """Three chips follow their paths, of five every update is drawn: neither takes the other's."""

    def found(seeds, folder):
        checking = Checking(_spec(seeds), CPU, False, resume=folder)
        return predicted(checking.stages(Inline()))

    fresh = {seeds: found(seeds, None) for seeds in (3, 5)}
    assert (fresh[3].drawn, fresh[5].drawn) == (False, True)
    assert fresh[3].loss != fresh[5].loss
    for first, second in ((3, 5), (5, 3)):
        folder = tmp_path / str(first)
        found(first, folder)
        assert found(second, folder) == fresh[second]
        assert len(list(folder.glob("*/*.json"))) == 2


BATCHES = {
    "device": {"preset": "idealized"},
    "learning_rule": {"batch_size": 8},
    "task": {"name": "digits", "train_samples": 100, "test_samples": 100},
}


def test_a_chip_after_the_first_ones_comes_with_its_clean_twin_whatever_is_kept(tmp_path):
    """Red where one that was kept among the first is taken without, and has another's twin."""

    def found(seeds, folder):
        training = {"step_size": 0.05, "steps": 1500, "seeds": seeds, "max_seeds": 12}
        spec = validate_spec({**BATCHES, "network": {"hidden": [4]}, "training": training})
        return Checking(spec, CPU, False, resume=folder).stages(Inline()).predicted_network(3)

    fresh = {seeds: found(seeds, None) for seeds in (3, 5)}
    assert not fresh[3].drawn
    assert fresh[5].twin is None
    assert fresh[3].twin is not None
    for first, second in ((5, 3), (3, 5)):
        folder = tmp_path / str(first)
        found(first, folder)
        assert found(second, folder) == fresh[second]


def test_numbers_of_chips_that_go_the_same_way_share_their_forecasts(tmp_path):
    for seeds in (2, 4):
        Checking(_spec(seeds), CPU, False, resume=tmp_path).stages(Inline()).predicted_network(0)
    assert len(list(tmp_path.glob("*/*.json"))) == 1


@pytest.mark.parametrize("deployment", [None, {"times": ["1 h"], "program_error": "2 %"}])
def test_forecasts_of_limits_and_ranges_are_those_of_their_number_of_chips(deployment, tmp_path):
    def found(seeds, folder):
        spec = _spec(seeds, deployment=deployment)
        return asdict(Outlook(CPU, folder).predict(spec))

    fresh = {seeds: found(seeds, None) for seeds in (3, 5)}
    for first, second in ((3, 5), (5, 3)):
        folder = tmp_path / str(first)
        found(first, folder)
        assert found(second, folder) == fresh[second]


def test_a_change_is_kept_by_its_values_whatever_it_is_called(tmp_path):
    stages = Checking(_spec(3), CPU, False, resume=tmp_path).stages(Inline())
    fresh = Checking(_spec(3), CPU, False).stages(Inline())
    low, high = {C2C: "0.5 %"}, {C2C: "2 %"}
    found = stages.predicted_change("tried-0", low, 0)
    assert stages.predicted_change("tried-0", high, 0) == fresh.predicted_change("a", high, 0)
    assert stages.predicted_change("tried-1", low, 0) == found
    assert len(list(tmp_path.glob("*/*.json"))) == 2


def test_trainings_that_begin_together_have_their_own_chips(monkeypatch):
    """Neither of two threads may take its training for the first and the other's chips for its."""
    specs = [_spec(2, cycle_to_cycle=each, deployment={"times": ["1 h"]}) for each in (0.001, 0.02)]
    fresh = [Outlook(CPU, None).predict(each).cost for each in specs]
    assert fresh[0] != fresh[1]
    together, known = threading.Barrier(2, timeout=60), threading.local()

    def digest(task):
        if not getattr(known, "met", False):
            known.met = True
            together.wait()
        return digest_of(asdict(task))

    monkeypatch.setattr(ChipTask, "digest", property(digest))
    look = Outlook(CPU, None)
    look.clean(specs[0])
    with ThreadPoolExecutor(2) as pool:
        assert [found.cost for found in pool.map(look.predict, specs)] == fresh
