"""Tables: the same samples however they are written, and one line for what cannot be read."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neurograd.problem.datasets import own_data
from tests.neurograd.problem.datasets.refusal import refused

ROWS = [(0.5, -1.25, 3.0), (1e-3, 2.0, -4.5), (7.0, 0.125, 0.0), (1.5, 2.5, 3.5)] * 3
LABELS = ["wine", "beer", "tea", "tea"] * 3
CLASSES = {"beer": 0, "tea": 1, "wine": 2}


def _loaded(text, folder, encoding="utf-8", **options):
    path = folder / "own.csv"
    path.write_bytes(text.encode(encoding))
    options = {"target": ["kind"], **options}
    return own_data(str(path), test=str(path), **options)


@given(
    separator=st.sampled_from([",", ";", "\t"]),
    decimal=st.sampled_from([".", ","]),
    place=st.integers(0, 3),
    quoted=st.booleans(),
    ends=st.sampled_from(["\n", "\r\n"]),
    comment=st.booleans(),
    mark=st.booleans(),
    encoding=st.sampled_from(["utf-8", "latin-1"]),
)
def test_a_table_reads_the_same_however_it_is_written(
    tmp_path_factory, separator, decimal, place, quoted, ends, comment, mark, encoding
):
    decimal = "." if separator == "," else decimal
    head = ["größe", "b", "c"]
    lines = [[f"{v:.6g}".replace(".", decimal) for v in row] for row in ROWS]
    for cells, label in zip([head, *lines], ["kind", *LABELS], strict=True):
        cells.insert(place, f'"{label}"' if quoted else label)
    text = ends.join(separator.join(cells) for cells in [head, *lines]) + ends
    text = f"# made by hand{ends}{text}" if comment else text
    text = f"\ufeff{text}" if mark and encoding == "utf-8" else text
    data = _loaded(text, tmp_path_factory.mktemp("table"), encoding)
    assert np.allclose(data.inputs.numpy(), ROWS, rtol=1e-5)
    assert data.targets.tolist() == [CLASSES[label] for label in LABELS]


def test_what_numpy_writes(tmp_path):
    x, y = np.random.default_rng(0).normal(size=(12, 3)), np.arange(12) % 2
    path = tmp_path / "own.txt"
    for head, target in (("a b c kind", "kind"), ("", "4")):
        np.savetxt(path, np.column_stack([x, y]), fmt=["%.9g"] * 3 + ["%d"], header=head)
        data = own_data(str(path), test=str(path), target=[target])
        assert np.allclose(data.inputs.numpy(), x)
        assert data.targets.tolist() == y.tolist()


def test_a_table_without_a_head_has_columns_by_number(tmp_path):
    text = "".join(f"{k % 3},{0.5 * k},{-k}\n" for k in range(12))
    data = _loaded(text, tmp_path, target=["1"])
    assert len(data.inputs) == 12
    assert data.targets.tolist() == [k % 3 for k in range(12)]
    # Names that count are names, as pandas writes them.
    named = _loaded(f"0,1,2\n{text}", tmp_path, target=["0"])
    assert np.array_equal(named.inputs, data.inputs)


def test_a_table_without_a_head_may_have_text_for_its_classes(tmp_path):
    text = "".join(f"{0.5 * k},{-k},{'ab'[k % 2]}\n" for k in range(12))
    data = _loaded(text, tmp_path, target=["3"])
    assert len(data.inputs) == 12
    assert data.targets.tolist() == [k % 2 for k in range(12)]
    headed = _loaded(f"2021,b,kind\n{text}", tmp_path)
    assert torch.equal(headed.inputs, data.inputs)


@pytest.mark.parametrize("target", ["label", "500"])
def test_a_head_of_numbers_is_one_where_it_has_the_target_s_name(target, tmp_path):
    rows = "".join(
        f"{0.5 * k},{-k},{k % 7},{[k % 2, 'ab'[k % 2]][len(target) > 3]}\n" for k in range(12)
    )
    data = _loaded(f"400,410,420,{target}\n{rows}", tmp_path, target=[target])
    assert data.inputs.tolist() == [[0.5 * k, -k, k % 7] for k in range(12)]
    assert data.targets.tolist() == [k % 2 for k in range(12)]


def test_the_number_of_a_column_is_no_name_of_a_head(tmp_path):
    text = "".join(f"{k % 3 + 1},{0.5 * k},{k}\n" for k in range(12))
    assert len(_loaded(text, tmp_path, target=["1"]).inputs) == 12


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
@pytest.mark.parametrize("start", [0, 1, 57])
def test_an_index_is_no_input(name, start, tmp_path):
    text = f"{name},a,b,kind\n"
    text += "".join(f"{start + k},{0.5 * k},{-k},{'xy'[k % 2]}\n" for k in range(12))
    data = _loaded(text, tmp_path)
    assert data.inputs.tolist() == [[0.5 * k, -k] for k in range(12)]
    assert data.remarks[:2] == (
        "Inputs are the columns 'a' and 'b'.",
        "The column without a name, which counts the lines, was left out.",
    )


@pytest.mark.parametrize(("name", "step"), [("", 2), ("", 0.5), ("Unnamed: 0", 3), ("time", 1)])
def test_a_column_that_counts_no_lines_or_has_a_name_is_an_input(name, step, tmp_path):
    text = f"{name},a,kind\n" + "".join(f"{step * k},{-k},{'xy'[k % 2]}\n" for k in range(12))
    data = _loaded(text, tmp_path)
    assert data.inputs.tolist() == [[step * k, -k] for k in range(12)]
    assert data.remarks[0] == f"Inputs are the columns {name!r} and 'a'."


def test_several_targets_are_values(tmp_path):
    text = "a,b,c\n" + "".join(f"{k},{k + 0.5},{2 * k + 0.25}\n" for k in range(8))
    data = _loaded(text, tmp_path, target=["c", "b"])
    assert data.kind == "regression"
    assert data.targets.tolist() == [[2 * k + 0.25, k + 0.5] for k in range(8)]
    assert data.inputs.tolist() == [[k] for k in range(8)]


def _pair(folder, train, test, **options):
    for name, text in (("train.csv", train), ("test.csv", test)):
        (folder / name).write_text(text, encoding="utf-8")
    options = {"target": ["kind"], **options}
    return own_data(str(folder / "train.csv"), test=str(folder / "test.csv"), **options)


def _written(order, rows=12):
    """A table of the columns a = k, b = 10 k, c = -k / 4 and the classes of k, in an order."""
    lines = [{"a": k, "b": 10 * k, "c": -k / 4, "kind": "xy"[k % 2]} for k in range(rows)]
    return "\n".join([",".join(order), *(",".join(str(line[n]) for n in order) for line in lines)])


@pytest.mark.parametrize("order", list(itertools.permutations(["a", "b", "c", "kind"])))
def test_columns_of_the_test_are_found_by_their_names(order, tmp_path):
    data = _pair(tmp_path, _written(["a", "kind", "b", "c"]), _written(order, rows=6))
    assert torch.equal(data.test_inputs, data.inputs[:6])
    assert torch.equal(data.test_targets, data.targets[:6])


def test_a_table_without_names_has_the_columns_in_the_order_of_the_other(tmp_path):
    counted = "1,2,3\n" + "".join(f"{k},{-k},{k % 2}\n" for k in range(12))
    plain = "".join(f"{k + 0.5},{-k},{k % 2}\n" for k in range(12))
    data = _pair(tmp_path, counted, plain, target=["3"])
    assert data.test_inputs[2].tolist() == [2.5, -2.0]


@pytest.mark.parametrize(
    ("train", "test", "words"),
    [
        ("abc", "abd", ["no 'c' and 'd', which task.train"]),
        ("abc", "cb", ["no 'a'"]),
        ("ab", "abc", ["has 'c', which"]),
        ("aab", "aba", ["several are called 'a'"]),
        ("aab", "ab", ["several are called 'a'"]),
        ("ab", "aab", ["several are called 'a'"]),
    ],
)
def test_columns_that_are_not_those_of_the_training_are_one_line(train, test, words, tmp_path):
    def text(columns):
        lines = [[*(str(k + n) for n in range(len(columns))), "xy"[k % 2]] for k in range(12)]
        return "\n".join(",".join(line) for line in [[*columns, "kind"], *lines])

    refused(lambda: _pair(tmp_path, text(train), text(test)), "task.test", "test.csv", *words)
    assert _pair(tmp_path, text(train), text(train)).test_inputs.shape == (12, len(train))


LONG = 140_000 * "1"

BAD = {
    "no target": ("a,kind\n1,2\n", {"target": ()}, ["task.target", "a or kind"]),
    "unknown": ("a,kind\n1,2\n", {"target": ["b"]}, ["task.target", "'b'", "a or kind"]),
    "twice": ("kind,kind\n1,2\n", {}, ["several columns"]),
    "short line": ("a,kind\n1,2\n3\n", {}, ["line 3", "1 cells"]),
    "no number": ("a,kind\n1,2\nx,3\n", {}, ["line 3", "'a'", "'x'"]),
    "blank cell": ("a,kind\n1,2\n,3\n", {}, ["line 3", "''"]),
    "infinite": ("a,kind\n1,2\ninf,3\n", {}, ["'inf'"]),
    "thousands": ("a;kind\n1;2\n1.234,5;3\n", {}, ["'1.234,5'"]),
    "head only": ("a,kind\n", {}, ["no line with data"]),
    "empty": ("\n\n", {}, ["no line with data"]),
    "open quote": (f'a,kind\n1,2\n"{LONG},3\n', {}, ["line 3", "of more than 131,072"]),
    "open quote in a comment": (f'# "{LONG},b\na,kind\n1,2\n', {}, ["line 1", "of more than"]),
    "only the target": ("kind\n1\n2\n", {}, ["no column beside"]),
}


@pytest.mark.parametrize("labels", ["01", ["wine", "beer"], ["0.5", "1.25"]])
@pytest.mark.parametrize("missing", ["", "nan", "NaN", "-nan", "NA", "N/A", "<NA>", "null", "inf"])
def test_a_line_without_a_target_is_no_class(labels, missing, tmp_path):
    cells = [labels[k % 2] for k in range(12)]
    cells[7] = missing
    text = "a,kind\n" + "".join(f"{k},{cell}\n" for k, cell in enumerate(cells))
    refused(lambda: _loaded(text, tmp_path), "line 9", "column 'kind'", f"{missing!r} is no target")


@pytest.mark.parametrize("label", ["None", "none", "Na", "nano", "info", "-", "?"])
def test_texts_that_may_be_classes_are_classes(label, tmp_path):
    text = "a,kind\n" + "".join(f"{k},{['tea', label][k % 2]}\n" for k in range(12))
    assert _loaded(text, tmp_path).targets.unique().tolist() == [0, 1]


def _marked(cells, separator):
    """A table of some cells beside plain ones and two classes."""
    lines = [separator.join([cell, str(k), "xy"[k % 2]]) for k, cell in enumerate(cells)]
    return "\n".join([separator.join(["a", "b", "kind"]), *lines]) + "\n"


@pytest.mark.parametrize("separator", [";", "\t", " "])
@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["1,234", "12.5", "1,000", "4"], ["line 2 has '1,234' and line 3 '12.5'", "one decimal"]),
        (["0.5", "4", "1,5", "2"], ["line 2 has '0.5' and line 4 '1,5'"]),
        (["1,234", "2,000", "12,500", "4"], ["like '1,234', which may be 1.234 or 1234"]),
        (["1,234", "2,000", "12,500", "NA"], ["like '1,234'"]),
    ],
)
def test_marks_that_may_be_of_thousands_are_one_line(separator, cells, words, tmp_path):
    refused(lambda: _loaded(_marked(cells, separator), tmp_path), "own.csv", *words)


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1,234", "12,5", "1,000", "4"], [1.234, 12.5, 1, 4]),
        (["1,234", "0,500", "1,000", "4"], [1.234, 0.5, 1, 4]),
        (["1,234", "1500", "1,000", "4"], [1.234, 1500, 1, 4]),
        (["1,234e2", "2,000", "1,000", "4"], [123.4, 2, 1, 4]),
        (["1.5", "2", "1.25", "4"], [1.5, 2, 1.25, 4]),
    ],
)
def test_one_number_tells_the_decimal_mark_of_a_file(cells, values, tmp_path):
    for separator in (";", "\t", " "):
        data = _loaded(_marked(cells, separator), tmp_path)
        assert data.inputs[:, 0].tolist() == values
        assert data.inputs[:, 1].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("separator", [";", "\t", ","])
def test_points_are_decimal_between_tabs_and_commas(separator, tmp_path):
    """Between semicolons they may be of thousands: commas are decimal there."""
    text = _marked(["1.234", "2.000", "12.500", "4"], separator)
    if separator == ";":
        refused(lambda: _loaded(text, tmp_path), "like '1.234', which may be 1.234 or 1234")
    else:
        assert _loaded(text, tmp_path).inputs[:, 0].tolist() == [1.234, 2, 12.5, 4]


def test_marks_in_the_names_of_classes_are_none_of_numbers(tmp_path):
    labels = ["v1.5", "2.5", "b", "c"] * 3
    text = "a;kind\n" + "".join(f"{k},5;{label}\n" for k, label in enumerate(labels))
    data = _loaded(text, tmp_path)
    assert data.inputs[:, 0].tolist() == [k + 0.5 for k in range(12)]
    assert data.targets.unique().tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", BAD)
def test_wrong_tables_are_one_line(kind, tmp_path):
    text, options, words = BAD[kind]
    refused(lambda: _loaded(text, tmp_path, **options), "own.csv", *words)


def test_arrays_have_no_columns(tmp_path):
    np.savez(tmp_path / "own.npz", x=np.ones((4, 2)), y=np.arange(4) % 2)
    refused(
        lambda: own_data(str(tmp_path / "own.npz"), test_fraction=0.5, target=["y"]), "task.target"
    )
