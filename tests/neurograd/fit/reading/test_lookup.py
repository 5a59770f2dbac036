"""Tables of jumps: own columns, CrossSim's quantiles, XBTorch's distributions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from device_models import jump_table
from neurograd.errors import DataError
from neurograd.fit.reading import files_read, read_measurements

STATES = np.linspace(1e-6, 9e-6, 9)
LEVELS = np.linspace(0.0, 1.0, 201)


def _changes(sign):
    """Quantiles of a normal change whose mean and spread depend on the state."""
    mean = sign * 2e-7 * (1.5 - STATES / 1e-5)
    spread = 4e-8 * (1 + STATES / 1e-5)
    inside = np.clip(LEVELS, 0.0005, 0.9995)
    return mean, spread, mean + spread * stats.norm.ppf(inside)[:, None]


def _crosssim(folder, name, sign):
    rows = [STATES, LEVELS, *_changes(sign)[2]]
    text = "\n".join(",".join(f"{each:.9e}" for each in row) for row in rows)
    (folder / name).write_text(f"G values, CDF values, dG matrix\n{text}\n")


def _jumps(found):
    sides = [(torch.from_numpy(j.conductance), torch.from_numpy(j.change)) for j in found.jumps]
    return jump_table(*sides)


def _check(found):
    """Mean and spread of a pulse at every state; 64 quantiles have 1 % less spread."""
    assert found.runs == ()
    table = _jumps(found)
    width = np.ptp(STATES)
    for sign, mean, std in (
        (1, table.up_mean, table.up_std),
        (-1, table.down_mean, table.down_std),
    ):
        true_mean, true_spread, _ = _changes(sign)
        np.testing.assert_allclose(mean.numpy() * width, true_mean, rtol=2e-3)
        np.testing.assert_allclose(std.numpy() * width, true_spread, rtol=2e-2)


@pytest.mark.parametrize("name", ["dG_increasing.txt", "dG_decreasing.txt"])
def test_crosssim_s_lookup_table(tmp_path, name):
    _crosssim(tmp_path, "dG_increasing.txt", 1)
    with pytest.raises(DataError, match="one direction of CrossSim's lookup table; allowed: besi"):
        read_measurements(tmp_path / "dG_increasing.txt")
    _crosssim(tmp_path, "dG_decreasing.txt", -1)
    _check(read_measurements(tmp_path / name))
    assert [path.name for path in files_read(tmp_path / name)] == [
        "dG_decreasing.txt", "dG_increasing.txt",
    ]  # fmt: skip


def test_xbtorch_s_six_files(tmp_path):
    for word, sign in (("set", 1), ("reset", -1)):
        mean, spread, _ = _changes(sign)
        changes = np.linspace(mean.min() - 4e-7, mean.max() + 4e-7, 2001)
        cdf = stats.norm.cdf((changes[None, :] - mean[:, None]) / spread[:, None])
        for part, values in (("axis_level_G", STATES), ("axis_level_dG", changes), ("cdf", cdf)):
            np.savetxt(tmp_path / f"fefet_{word}_{part}.txt", values)
    found = read_measurements(tmp_path / "fefet_reset_cdf.txt")
    _check(found)
    assert len(files_read(tmp_path / "fefet_set_axis_level_G.txt")) == 6
    np.savetxt(tmp_path / "fefet_set_cdf.txt", np.ones((2, 2)))
    with pytest.raises(DataError, match="has the shape 2 × 2; allowed: 9 × 2001, a line for every"):
        read_measurements(tmp_path / "fefet_set_axis_level_G.txt")


def test_own_columns_may_leave_cells_blank(tmp_path):
    path = tmp_path / "jumps.csv"
    path.write_text("G (uS),dG up (nS),dG down (nS)\n1,10,\n2,12,-9\n3,,-8\n4,14,\n5,,-7\n")
    found = read_measurements(path)
    assert found.unit == "S"
    up, down = found.jumps
    np.testing.assert_allclose(up.conductance, [1e-6, 2e-6, 4e-6])
    np.testing.assert_allclose(up.change, [1e-8, 1.2e-8, 1.4e-8])
    np.testing.assert_allclose(down.change, [-9e-9, -8e-9, -7e-9])
    named = read_measurements(path, "conductance=1,delta_up=2,delta_down=3")
    np.testing.assert_array_equal(named.jumps[1].change, down.change)
