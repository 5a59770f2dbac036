"""Bursts of real updates beside the forecast of a spec."""

from __future__ import annotations

from neurograd.pipeline.build import build_chip, build_problem
from neurograd.pipeline.forecasting import grown_forecast
from neurograd.pipeline.pool import Inline
from neurograd.pipeline.predicted.network import CLEAN, forecast_network
from neurograd.records.cost import ForecastResult
from neurograd.records.json_form import to_json_dict
from neurograd.records.training import PredictedNetwork
from neurograd.spec import validate_spec

SPEC = {
    "quantization": {"weight_bits": 6},
    "network": {"hidden": [6]},
    "task": {"name": "digits", "train_samples": 60},
    "training": {"step_size": 0.1, "steps": 600, "seeds": 2, "max_seeds": 2},
    "measure": {"seed": 0},
}


def test_a_forecast_says_whether_its_paths_hold():
    """Bursts change no forecast, and a network that was kept is judged as a new one."""
    spec = validate_spec(SPEC)
    problem, networks = build_problem(spec), []
    for index in (CLEAN, 0, 1):
        found = forecast_network(spec, problem, index, bursts=index != CLEAN)
        networks.append(PredictedNetwork.model_validate(to_json_dict(found)))
    plain = forecast_network(spec, problem, 0)
    assert plain == networks[1].model_copy(update={"bursts": ()})
    chip = build_chip(spec, problem)
    path = ForecastResult.of(grown_forecast(spec, problem, chip, networks, None, Inline())).path
    assert path.unchecked is None
    assert len(path.places) >= 2
    assert 0 < path.updates <= 0.02 * 2 * 600
    assert path.holds == (path.p_value >= 0.01)
