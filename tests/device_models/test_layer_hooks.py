"""The order in which hooks act on a layer's call, and what each of them sees of the others."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from device_models.layer_hooks import LayerHook, LayerRecorder, detached, event
from neurograd.seeding import generator_for


def _draw(*shape, seed=0):
    return torch.randn(shape, generator=generator_for(seed), dtype=torch.float64)


LINEAR = (functional.linear, _draw(5, 3), _draw(4, 3, seed=1), _draw(4, seed=2), {})
CONVOLUTION = (
    functional.conv2d,
    _draw(5, 2, 7, 6),
    _draw(4, 1, 3, 2, seed=1),
    _draw(4, seed=2),
    {"stride": (2, 1), "padding": 1, "dilation": (1, 2), "groups": 2},
)
LINE = (
    functional.conv1d,
    _draw(5, 4, 9),
    _draw(6, 2, 3, seed=1),
    _draw(6, seed=2),
    {"stride": 2, "padding": 1, "groups": 2},
)
SPACE = (
    functional.conv3d,
    _draw(3, 2, 4, 5, 3),
    _draw(4, 2, 2, 3, 1, seed=1),
    _draw(4, seed=2),
    {"stride": (1, 2, 1), "padding": (0, 1, 0)},
)
every_layer = pytest.mark.parametrize(
    ("function", "x", "weight", "bias", "options"),
    [LINEAR, CONVOLUTION, LINE, SPACE],
    ids=["linear", "convolution", "in one dimension", "in three"],
)


class Noting(LayerHook):
    """Notes its methods' calls under its name, and changes the values by its factor."""

    def __init__(self, name, notes, factor=1.0):
        self.name, self.notes, self.factor = name, notes, factor

    def before(self, call, x):
        self.notes.append((self.name, "before"))
        self.seen = call.input
        return self.factor * x

    def product(self, call, x):
        self.notes.append((self.name, "product"))
        return super().product(call, x)

    def backward(self, call):
        self.notes.append((self.name, "backward"))
        return super().backward(call)

    def after(self, call, y):
        self.notes.append((self.name, "after"))
        return y + self.factor


@every_layer
def test_a_plain_hook_changes_nothing(function, x, weight, bias, options):
    for use in (bias, None):
        with LayerHook().applied():
            inside = function(input=x, weight=weight, bias=use, **options)
        assert torch.equal(inside, function(x, weight, use, **options))


@every_layer
def test_hooks_nest_from_the_inner_before_to_the_inner_after(function, x, weight, bias, options):
    notes = []
    outer, inner = Noting("outer", notes, 3.0), Noting("inner", notes, 2.0)
    with outer.applied(), inner.applied():
        y = function(x, weight, bias, **options)
    assert notes == [
        ("inner", "before"),
        ("inner", "product"),
        ("inner", "backward"),
        ("outer", "before"),
        ("outer", "product"),
        ("outer", "backward"),
        ("outer", "after"),
        ("inner", "after"),
    ]
    assert inner.seen is x
    torch.testing.assert_close(outer.seen, 2.0 * x, rtol=0, atol=0)
    torch.testing.assert_close(y, function(6.0 * x, weight, bias, **options) + 3.0 + 2.0)


@every_layer
def test_a_product_without_bias_and_its_bias_are_the_layer(function, x, weight, bias, options):
    class Apart(LayerHook):
        def product(self, call, x):
            return call.multiply_without_bias(x)

        def after(self, call, y):
            return call.add_bias(y)

    notes = []
    outer = Noting("outer", notes, 1.0)
    for use in (bias, None):
        with Apart().applied():
            apart = function(x, weight, use, **options)
        torch.testing.assert_close(apart, function(x, weight, use, **options))
    with outer.applied(), Apart().applied():
        seen = function(x, weight, bias, **options)
    assert notes[0] == ("outer", "before")
    torch.testing.assert_close(seen, function(x, weight, bias, **options) + 1.0)


@every_layer
def test_errors_go_back_through_what_backward_says(function, x, weight, bias, options):
    class Back(LayerHook):
        def backward(self, call):
            return 2.0 * weight if call.weight is leaves[1] else None

    leaves = [t.clone().requires_grad_() for t in (x, weight, bias)]
    plain = function(*leaves, **options)
    error = _draw(*plain.shape, seed=5)
    expected = torch.autograd.grad(plain, leaves, error)
    with Back().applied():
        product = function(*leaves, **options)
    assert torch.equal(product, plain)
    found = torch.autograd.grad(product, leaves, error)
    torch.testing.assert_close(found[0], 2.0 * expected[0])
    torch.testing.assert_close(found[1:], expected[1:])


def test_only_layers_are_caught():
    notes = []
    with Noting("hook", notes).applied():
        x = torch.relu(_draw(3, 3)) @ _draw(3, 3)
        x = functional.conv_transpose1d(x[None], _draw(3, 2, 2))
    assert notes == []


@event
def relax(state, rate):
    """An event that does something by itself."""
    return state * rate


def test_an_event_is_the_innermost_hooks_that_knows_it():
    class Stop(LayerHook):
        def relax(self, state, rate):
            return torch.zeros_like(state)

    class Twice(LayerHook):
        def relax(self, state, rate):
            return relax(state, 2.0 * rate)

    one = torch.ones(2)
    assert torch.equal(relax(one, 3.0), 3.0 * one)
    with LayerHook().applied():
        assert torch.equal(relax(one, 3.0), 3.0 * one)
    with Twice().applied(), Twice().applied(), LayerHook().applied():
        assert torch.equal(relax(one, rate=3.0), 12.0 * one)
    with Twice().applied(), Stop().applied():
        assert torch.equal(relax(one, 3.0), 0.0 * one)
    with Stop().applied(), Twice().applied():
        assert torch.equal(relax(one, 3.0), 0.0 * one)


def test_a_recorder_knows_layers_by_their_parameters():
    weight, bias = _draw(4, 3).requires_grad_(), _draw(4, seed=1).requires_grad_()
    other, x = _draw(4, 4, seed=2), _draw(5, 3, seed=3).requires_grad_()
    seen = []

    def changed(k, y):
        seen.append(k)
        return y + 1.0

    recorder = LayerRecorder({"w": weight, "b": bias}, change_input=detached, change_output=changed)
    with recorder.applied():
        first = functional.linear(x, weight, bias)
        middle = functional.linear(first, other)
        second = functional.linear(middle[:, :3], weight)
    assert [(call.weight, call.bias) for call in recorder.calls] == [("w", "b"), ("w", None)]
    assert seen == [0, 1]
    assert recorder.calls[0].inputs is x
    assert torch.equal(recorder.calls[1].outputs, second)
    torch.testing.assert_close(first, functional.linear(x, weight, bias) + 1.0)
    (by_x,) = torch.autograd.grad(second.sum(), x, allow_unused=True)
    assert by_x is None


def test_what_was_recorded_is_not_changed_in_place():
    x = torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    layers = nn.Sequential(nn.Linear(4, 5), nn.ReLU(inplace=True)).double()
    recorder = LayerRecorder(dict(layers.named_parameters()))
    with recorder.applied():
        outputs = layers(x)
    torch.testing.assert_close(recorder.calls[0].outputs, layers[0](x))
    torch.testing.assert_close(outputs, layers[0](x).relu())


@pytest.mark.parametrize("size", [3, 4])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_errors_go_back_through_a_kernel_whose_padding_has_a_name(padding, size):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 9, 8, dtype=torch.float64, generator=generator, requires_grad=True)
    layer = nn.Conv2d(3, 4, size, padding=padding, dilation=(2, 1)).double()
    y = layer(x)
    error = torch.randn(y.shape, dtype=torch.float64, generator=generator)
    inputs = (x, layer.weight, layer.bias)
    expected = torch.autograd.grad(y, inputs, error)

    class Own(LayerHook):
        def backward(self, call):
            return call.weight.detach()

    with Own().applied():
        found = layer(x)
    torch.testing.assert_close(found, y)
    torch.testing.assert_close(torch.autograd.grad(found, inputs, error), expected)
