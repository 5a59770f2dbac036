"""Several files of devices: the same measurements as one file with all of them."""

from __future__ import annotations

import numpy as np
import pytest

from neurograd.errors import DataError
from neurograd.fit.reading import read_devices, read_measurements
from tests.neurograd.fit.reading.dresses import Dress, curves


@pytest.fixture
def files(tmp_path):
    """Two files of a device each, and one with both side by side."""
    paths, columns = [], {}
    for device in (1, 2):
        path = tmp_path / f"d{device}.csv"
        path.write_bytes(Dress(unit="uS").file(curves(12, 12, 1, 0.02, seed=device)))
        paths.append(path)
        rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
        for place, name in ((-2, "LTP"), (-1, "LTD")):
            columns[f"Device {device} {name} (uS)"] = [row[place] for row in rows]
    both = tmp_path / "both.csv"
    lines = [",".join(columns), *(",".join(row) for row in zip(*columns.values(), strict=True))]
    both.write_text("\n".join(lines) + "\n")
    return (*paths, both)


def test_files_have_devices_of_their_own(files):
    *two, both = files
    found, one = read_devices(two, None), read_measurements(both)
    assert sorted(run.device for run in found.runs) == [0, 0, 1, 1]
    by_place = [{(r.device, r.direction): r.conductance for r in m.runs} for m in (found, one)]
    for place, values in by_place[0].items():
        np.testing.assert_array_equal(by_place[1][place], values)
    assert found.unit == one.unit == "S"
    assert found.understood[0] == "2 files, the devices of each its own"
    more = read_devices([both, two[0]], None)
    assert {run.device for run in more.runs} == {0, 1, 2}
    assert read_devices([both], None).understood == one.understood


def test_the_partner_of_a_file_is_no_second_device(tmp_path):
    for name, rows in (("set", range(12)), ("reset", range(11, -1, -1))):
        text = "\n".join(f"{1 + k}" for k in rows)
        (tmp_path / f"{name}.csv").write_text(f"{name} (uS)\n{text}\n")
    found = read_devices([tmp_path / "set.csv", tmp_path / "reset.csv"], None)
    assert [run.direction for run in found.runs] == ["potentiation", "depression"]
    assert {run.device for run in found.runs} == {0}


def test_files_that_do_not_go_together_are_refused_in_one_line(files, tmp_path):
    one = files[0]
    jumps = tmp_path / "jumps.csv"
    jumps.write_text("conductance,delta_up,delta_down\n0,1,\n5,1,-1\n9,,-1\n4,1,-2\n")
    bare = tmp_path / "bare.csv"
    bare.write_text(one.read_text().replace(" (uS)", ""))
    for other, words in (
        (one, "is named twice; allowed: each file once"),
        (jumps, "jumps.csv is a table of single pulses; allowed: such a file alone"),
        (bare, "bare.csv has other units than .*d1.csv; allowed: the same in all files"),
    ):
        with pytest.raises(DataError, match=words) as caught:
            read_devices([one, other], None)
        assert "\n" not in str(caught.value)
