"""What a report says of its spec."""

from __future__ import annotations

import pytest

from neurograd.errors import DataError
from neurograd.problem.datasets.handwritten_digits import digits
from neurograd.problem.datasets.mnist_5000_images import mnist_5k
from neurograd.records.design import Task


@pytest.mark.parametrize(("name", "load"), [("digits", digits), ("mnist_5k", mnist_5k)])
def test_the_largest_test_is_what_the_data_set_gives_at_most(name, load):
    for train in (None, 100):
        most = Task(name=name, train_samples=train).most_test_samples(60)
        assert len(load(train_samples=train, test_samples=most).test_targets) == most
        with pytest.raises(DataError):
            load(train_samples=train, test_samples=most + 1)


def test_files_have_what_was_taken_or_it_is_not_known():
    assert Task(name="file").most_test_samples(70) == 70
    assert Task(name="mnist", test_samples=70).most_test_samples(70) is None
    assert Task(name="yin_yang").most_test_samples(200) == 10_000_000
