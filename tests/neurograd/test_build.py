"""What a spec asks for is what its chip has: from the text to the parts."""

from __future__ import annotations

import pytest

from neurograd.cli import main
from neurograd.errors import NeurogradError
from neurograd.spec import Spec, validate_spec
from neurograd.spec.build import build_chip, build_problem
from neurograd.spec.yaml_loading import parse_yaml

SMALL = {"train_samples": 40, "test_samples": 20}


def spec_of(text: str) -> Spec:
    data = dict(parse_yaml(text, "chip.yaml"))
    network = {"hidden": [8], **data.get("network", {})}
    return validate_spec({"task": SMALL, **data, "network": network}, "chip.yaml")


def chip_of(text: str):
    spec = spec_of(text)
    problem = build_problem(spec)
    return build_chip(spec, problem), problem


# -- what can only be told when the chip is built ----------------------------------------------


def test_a_relaxation_that_diverges_is_one_line(tmp_path, capsys):
    """At the command line: no traceback, and the key that mends it."""
    path = tmp_path / "chip.yaml"
    path.write_text(
        "learning_rule: {name: equilibrium_propagation, relaxation_rate: 3}\n"
        "network: {hidden: [8]}\ntask: {train_samples: 40, test_samples: 20}\n"
        "training: {steps: 4, seeds: 2}\nmeasure: {draws: 4, points: 1, loss_draws: 4}\n"
    )
    with pytest.raises(SystemExit) as done:
        main(["check", str(path), "--quick"])
    error = capsys.readouterr().err
    assert done.value.code == 2
    assert f"{path}: learning_rule.relaxation_rate: the relaxation diverges at" in error
    assert "allowed: small enough" in error
    assert len(error.splitlines()) == 1


def test_a_pulse_that_moves_nothing_is_one_line():
    text = (
        "device: {pulsed: {model: exponential, amplitude: {potentiation: 9, depression: 9}, "
        "gamma: {potentiation: 0, depression: 0}}}"
    )
    with pytest.raises(NeurogradError, match=r"device\.pulsed: a pulse moves .* by 0 .* allowed: "):
        chip_of(text)
