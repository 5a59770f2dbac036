"""What every refused data set has in common."""

from __future__ import annotations

import pytest

from neurograd.errors import DataError


def refused(load, *words):
    with pytest.raises(DataError) as error:
        load()
    message = str(error.value)
    assert "\n" not in message
    assert "allowed" in message
    assert all(word in message for word in words), message
