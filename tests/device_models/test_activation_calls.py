"""Every way to call an activation comes to a hook as one kind of call with its options."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from device_models.layer_hooks import LayerHook

X = torch.linspace(-3, 7, 32).view(1, 2, 4, 4)


class Seen(LayerHook):
    """Keeps what comes to it."""

    def __init__(self) -> None:
        self.calls = []

    def activation(self, call):
        self.calls.append((call.kind, call.options, call.input.clone()))
        return call.apply()


CALLS = {
    "relu": [
        nn.ReLU(),
        nn.ReLU(inplace=True),
        functional.relu,
        functional.relu_,
        torch.relu,
        torch.relu_,
        torch.Tensor.relu,
        torch.Tensor.relu_,
    ],
    "leaky_relu": [
        nn.LeakyReLU(0.1),
        nn.LeakyReLU(0.1, inplace=True),
        lambda x: functional.leaky_relu(x, 0.1),
        lambda x: functional.leaky_relu_(x, negative_slope=0.1),
    ],
    "hardtanh": [
        nn.Hardtanh(0.0, 6.0),
        nn.ReLU6(),
        nn.Hardtanh(0.0, 6.0, inplace=True),
        functional.relu6,
        lambda x: functional.hardtanh(x, 0.0, max_val=6.0),
        lambda x: functional.hardtanh_(x, 0.0, 6.0),
    ],
    "max_pool2d": [
        nn.MaxPool2d(2),
        lambda x: functional.max_pool2d(x, 2),
        lambda x: functional.max_pool2d(input=x, kernel_size=2, stride=2),
        lambda x: torch.max_pool2d(x, 2),
        lambda x: nn.MaxPool2d(2, return_indices=True)(x)[0],
    ],
}
OPTIONS = {
    "relu": (),
    "leaky_relu": (0.1,),
    "hardtanh": (0.0, 6.0),
    "max_pool2d": (2, 2, 0, 1, False),
}


@pytest.mark.parametrize(
    ("kind", "function"), [(kind, f) for kind, group in CALLS.items() for f in group]
)
def test_a_call_is_seen_once_and_changes_nothing(kind, function):
    hook, plain = Seen(), function(X.clone())
    with hook.applied():
        assert torch.equal(function(X.clone()), plain)
    ((seen, options, x),) = hook.calls
    assert (seen, options) == (kind, OPTIONS[kind])
    assert torch.equal(x, X)


def test_hooks_opened_before_see_the_call_as_well_and_smooth_functions_do_not_count():
    outer, inner = Seen(), Seen()
    with outer.applied(), inner.applied():
        torch.tanh(torch.relu(X) * 2.0).sum()
    assert [len(hook.calls) for hook in (outer, inner)] == [1, 1]
