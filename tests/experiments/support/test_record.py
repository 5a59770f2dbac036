"""Words for claims."""

from __future__ import annotations

import json
import threading

import pytest

from experiments.support.record import Claim, held_over, own_options, parse, parse_beside
from neurograd.errors import NeurogradError


def test_a_claim_over_several_cases():
    found = [held_over(passed) for passed in ([True], [True, False], [False, False])]
    assert found == ["held", "partly", "not held"]


def _run(folder, *options):
    return parse("x", "", ["--out", str(folder), *options], parts=("kinks",))


def test_a_part_is_made_anew_and_the_rest_is_kept(tmp_path):
    claim = Claim("c", "s", "n", "m", "held")
    _run(tmp_path).write({"rows": [1], "kinks": [2]}, claims=[claim])
    first = json.loads((tmp_path / "x.json").read_text())
    run = _run(tmp_path, "--only", "kinks")
    run.write({"kinks": [3]}, claims=[claim, claim])
    record = json.loads((tmp_path / "x.json").read_text())
    assert (record["rows"], record["kinks"], len(record["claims"])) == ([1], [3], 2)
    assert all(record[key] == first[key] for key in ("command", "seconds", "versions"))
    assert record["parts"]["kinks"]["command"] == "python -m experiments.x --seed 0 --only kinks"
    _run(tmp_path, "--only", "claims").write(record, claims=[claim])
    judged = json.loads((tmp_path / "x.json").read_text())
    assert len(judged["claims"]) == 1
    assert judged["parts"] == record["parts"]


@pytest.mark.parametrize("options", [["--seed", "1"], ["--quick"]])
def test_a_part_needs_a_record_of_the_same_options(tmp_path, options):
    with pytest.raises(NeurogradError, match="cannot be read"):
        _run(tmp_path, "--only", "kinks").kept()
    _run(tmp_path).write({"rows": []})
    with pytest.raises(NeurogradError, match=r"was made by `python -m experiments\.x --seed 0`"):
        _run(tmp_path, "--only", "kinks", *options).kept()


def test_items_that_wait_for_workers_are_begun_together_on_one_core(tmp_path, cores):
    cores(1)
    both = threading.Barrier(2)
    run = _run(tmp_path)
    found = run.each({"a": 1, "b": 2}, lambda item: {"w": item + 0 * both.wait(30)}, waiting=2)
    assert found == {"a": {"w": 1}, "b": {"w": 2}}


def test_help_tells_the_options_of_one_experiment_beside_the_shared_ones(capsys):
    options = own_options()
    options.add_argument("--chips", type=int, help="first chips")
    with pytest.raises(SystemExit, match="0"):
        parse_beside(options, "some", "What it shows.", ["--help"])
    told = capsys.readouterr().out
    assert "--chips CHIPS" in told
    assert "--quick" in told
    mine, run = parse_beside(options, "some", "What it shows.", ["--chips", "3", "--seed", "4"])
    assert (mine.chips, run.seed) == (3, 4)
