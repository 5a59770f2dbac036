"""Errors of a rule name the keys that mend them."""

from dataclasses import dataclass

import pytest
import torch

from device_models import UnstableRuleError
from neurograd.errors import NeurogradError
from neurograd.training.keyed_rule import KeyedRule


@dataclass(frozen=True)
class Failing:
    """A rule that fails with a given error, or gives the weights back."""

    error: Exception | None
    deterministic: bool = True
    mean_over_samples: bool = False

    def gradient(self, problem, w, generator, index=None):
        if self.error is not None:
            raise self.error
        return w if index is None else w[index]


def _gradient(error, index=None):
    rule = KeyedRule(Failing(error), "a.name", "a.rate")
    assert rule.deterministic
    assert not rule.mean_over_samples
    return rule.gradient(None, torch.arange(3.0), torch.Generator(), index)


def test_an_estimate_goes_through_with_its_batch():
    assert _gradient(None).tolist() == [0.0, 1.0, 2.0]
    assert _gradient(None, torch.tensor([2])).tolist() == [2.0]


def test_instability_names_its_own_key_and_stays_one():
    with pytest.raises(UnstableRuleError, match=r"^a\.rate: it diverges$") as caught:
        _gradient(UnstableRuleError("it diverges"))
    assert isinstance(caught.value, NeurogradError)


def test_a_network_that_it_can_not_train_names_the_rule():
    with pytest.raises(NeurogradError, match=r"^a\.name: no layers$") as caught:
        _gradient(ValueError("no layers"))
    assert not isinstance(caught.value, UnstableRuleError)
