"""The exact diagonal against the dense Hessian and against BackPACK's Gauss-Newton diagonal."""

from __future__ import annotations

import copy
from itertools import pairwise

import pytest
import torch
from backpack import backpack, extend
from backpack.extensions import DiagGGNExact
from torch import nn

from device_models.scaled_layers import scale_output
from neurograd.measure.curvature import (
    exact_diagonal,
    fully_connected,
    has_exact_diagonal,
    hessian_trace,
)
from neurograd.measure.kinks.closed_form import has_closed_form_kinks
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy, MeanSquaredError
from neurograd.seeding import generator_for
from tests.neurograd.cases import (
    classification,
    dense_hessian,
    linear_regression,
    regression,
    relu_network,
    smooth_network,
)


def _cnn(**kwargs):
    layers = [
        nn.Conv2d(1, 3, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(3, 2, 3, stride=2, dilation=1, bias=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(2, 3),
    ]
    return classification(layers, (1, 8, 8), 3, samples=20, **kwargs)


def _sequences(**kwargs):
    """Samples of 3 positions, each of which passes one linear layer."""
    layers = [nn.Linear(4, 5), nn.ReLU(), nn.Flatten(), nn.Linear(15, 3)]
    return classification(layers, (3, 4), 3, **kwargs)


def _scaled(problem):
    """The same with a learned factor, not 1, behind every layer's product."""

    def change(module):
        for k, layer in enumerate(m for m in module if hasattr(m, "weight")):
            scale_output(layer)
            with torch.no_grad():
                layer.output_scale.fill_(1.5 - 0.8 * k)

    return problem.changed(change)


EXACT = {
    "linear regression": linear_regression,
    "relu": relu_network,
    "deep relu regression": lambda **kw: regression(
        [nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)], 4, 3, **kw
    ),
    "no bias": lambda **kw: classification(
        [nn.Linear(4, 6, bias=False), nn.LeakyReLU(0.1), nn.Linear(6, 3)], (4,), 3, **kw
    ),
    "average pooling": lambda **kw: classification(
        [nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(18, 3)],
        (1, 8, 8),
        3,
        samples=15,
        **kw,
    ),
    "cnn": _cnn,
    "a linear layer at every position": lambda **kw: _sequences(samples=20, **kw),
    "as many positions as samples": lambda **kw: _sequences(samples=3, **kw),
    "at every place of an image": lambda **kw: classification(
        [
            nn.Linear(3, 2, bias=False),
            nn.ReLU(),
            nn.Conv2d(1, 2, 2),
            nn.Flatten(2),
            nn.Linear(2, 3),
            nn.Flatten(),
            nn.Linear(6, 3),
        ],
        (1, 3, 3),
        3,
        samples=9,
        **kw,
    ),
}
# Those that BackPACK does not take.
ALONE = {
    "in place": lambda **kw: classification(
        [
            *(nn.Conv2d(1, 3, 3), nn.ReLU(inplace=True), nn.Conv2d(3, 2, 2)),
            *(nn.LeakyReLU(0.1, inplace=True), nn.Flatten(), nn.Linear(18, 3)),
        ],
        (1, 6, 6),
        3,
        samples=15,
        **kw,
    ),
    "scaled relu": lambda **kw: _scaled(relu_network(**kw)),
    "scaled cnn": lambda **kw: _scaled(_cnn(**kw)),
    "scaled at every position": lambda **kw: _scaled(_sequences(samples=20, **kw)),
}


@pytest.mark.parametrize("case", [*EXACT.values(), *ALONE.values()], ids=[*EXACT, *ALONE])
def test_layerwise_diagonal_is_the_dense_hessians(case):
    problem = case()
    w = problem.initial_weights
    assert has_exact_diagonal(problem)
    diagonal = torch.diagonal(dense_hessian(problem, w))
    torch.testing.assert_close(exact_diagonal(problem, w), diagonal, rtol=1e-10, atol=1e-14)
    trace = hessian_trace(problem, w, seed=0)
    assert trace.value == pytest.approx(float(diagonal.sum()), rel=1e-12)
    assert (trace.error, trace.method) == (0.0, "exact")


@pytest.mark.parametrize("chunk_size", [1, 7, 1000])
def test_chunks_do_not_change_the_diagonal(chunk_size):
    whole, parts = relu_network(), relu_network(chunk_size=chunk_size)
    w = whole.initial_weights
    torch.testing.assert_close(
        exact_diagonal(parts, w), exact_diagonal(whole, w), rtol=1e-12, atol=1e-16
    )


def _deep(*activations):
    """Layers of 4, 5 and so on units between 4 inputs and 3 outputs, without the last bias."""
    widths = [4, *range(4, 4 + len(activations))]
    layers = [
        part
        for k, activation in enumerate(activations)
        for part in (nn.Linear(widths[k], widths[k + 1]), activation)
    ]
    return [*layers, nn.Linear(widths[-1], 3, bias=False)]


SMOOTH = {
    "tanh": smooth_network,
    "one layer": lambda: classification(_deep(nn.Tanh()), (4,), 3),
    "sigmoid, tanh and relu": lambda: regression(
        _deep(nn.Sigmoid(), nn.Tanh(), nn.ReLU(inplace=True), nn.Identity()), 4, 3
    ),
    "four smooth layers": lambda: classification(
        [nn.Flatten(), *_deep(nn.Tanh(), nn.Softplus(), nn.SiLU(), nn.GELU())], (2, 2), 3
    ),
    "smooth below relu": lambda: classification(
        _deep(nn.Tanh(), nn.LeakyReLU(0.2), nn.Tanh(), nn.Hardtanh()), (4,), 3
    ),
    "smooth outputs": lambda: regression([*_deep(nn.Tanh()), nn.Sigmoid()], 4, 3),
}


@pytest.mark.parametrize("case", SMOOTH.values(), ids=SMOOTH.keys())
def test_a_fully_connected_diagonal_is_the_dense_hessians(case, monkeypatch):
    problem = case()
    # Weights large enough that the activations bend.
    w = 2.0 * problem.initial_weights
    assert has_exact_diagonal(problem)
    dense = dense_hessian(problem, w).diagonal()
    torch.testing.assert_close(exact_diagonal(problem, w), dense, rtol=1e-10, atol=1e-13)
    assert hessian_trace(problem, w, seed=0).method == "exact"
    monkeypatch.setattr(fully_connected, "CHUNK_BYTES", 1)  # a sample at a time
    torch.testing.assert_close(exact_diagonal(problem, w), dense, rtol=1e-10, atol=1e-13)


def test_weights_that_are_not_trained_are_left_out():
    module = nn.Sequential(*_deep(nn.Tanh(), nn.Tanh())).double()
    module[0].weight.requires_grad_(False)
    module[2].bias.requires_grad_(False)
    x = torch.randn(9, 4, generator=generator_for(0, "x"), dtype=torch.float64)
    problem = Problem(module, CrossEntropy(), x, torch.arange(9) % 3)
    w = problem.initial_weights
    assert problem.num_parameters < sum(p.numel() for p in module.parameters())
    torch.testing.assert_close(
        exact_diagonal(problem, w), dense_hessian(problem, w).diagonal(), rtol=1e-10, atol=1e-14
    )


def test_very_wide_smooth_layers_are_left_to_the_stochastic_trace():
    """Three of them cost more than its products; two never do, nor any of ReLU."""

    def has(activation, hidden):
        widths = [4, *([hidden[0]] * hidden[1])]
        layers = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), activation())]
        module = nn.Sequential(*layers, nn.Linear(widths[-1], 3))
        return has_exact_diagonal(
            Problem(module, CrossEntropy(), torch.randn(3, 4), torch.arange(3))
        )

    assert has(nn.Tanh, (300, 3))
    assert not has(nn.Tanh, (1500, 3))
    assert has(nn.Tanh, (1500, 2))
    assert has(nn.ReLU, (1500, 3))


def test_other_networks_have_no_exact_diagonal():
    shared = nn.Linear(4, 4)
    cases = [
        nn.Sequential(shared, nn.ReLU(), shared),
        nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Tanh(), nn.Linear(4, 3)),
        nn.Sequential(nn.Linear(4, 4), nn.Softmax(dim=1), nn.Linear(4, 3)),
        nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)),
        nn.Linear(4, 3),
    ]
    for module in cases:
        problem = Problem(module, CrossEntropy(), torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1]))
        assert not has_exact_diagonal(problem)
    custom = Problem(
        nn.Sequential(nn.Linear(4, 3)),
        lambda out, target: (out.sum(1) - target) ** 4,
        torch.randn(5, 4),
        torch.randn(5),
    )
    assert not has_exact_diagonal(custom)
    x, y = torch.randn(3, 3, 4), torch.randn(3, 3, 2)
    module = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    positions = Problem(module, MeanSquaredError(), x, y)
    assert not has_exact_diagonal(positions), "outputs at every position"
    with pytest.raises(ValueError, match="no exact Hessian diagonal"):
        exact_diagonal(custom, custom.initial_weights)


class _Squared(nn.Sequential):
    def forward(self, x):
        return super().forward(x) ** 2


class _Residual(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


def _sharing(*layers):
    layers[2].weight = layers[0].weight
    return nn.Sequential(*layers)


def _hooked(module, behind):
    behind(module).register_forward_hook(_tripled)
    return module


def _tripled(_module, _args, output):
    return 3.0 * output.tanh()


def _with_forward_of_its_own(module):
    module[1].forward = torch.sin
    return module


def _normalized_by_hooks(layer):
    with pytest.warns(FutureWarning):
        return torch.nn.utils.weight_norm(layer)


NO_CHAINS = {
    "a class with its own forward": lambda a: _Squared(nn.Linear(4, 4), a(), nn.Linear(4, 4)),
    "residual": lambda a: _Residual(nn.Linear(4, 4), a(), nn.Linear(4, 4)),
    "one matrix twice": lambda a: _sharing(nn.Linear(4, 4), a(), nn.Linear(4, 4)),
    "a hooked layer": lambda a: _hooked(
        nn.Sequential(nn.Linear(4, 4), a(), nn.Linear(4, 4)), lambda module: module[0]
    ),
    "a hooked network": lambda a: _hooked(
        nn.Sequential(nn.Linear(4, 4), a(), nn.Linear(4, 4)), lambda module: module
    ),
    "weight norm by hooks": lambda a: nn.Sequential(
        _normalized_by_hooks(nn.Linear(4, 4)), a(), nn.Linear(4, 4)
    ),
    "a forward of one module's own": lambda a: _with_forward_of_its_own(
        nn.Sequential(nn.Linear(4, 4), a(), nn.Linear(4, 4))
    ),
}


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
@pytest.mark.parametrize("make", NO_CHAINS.values(), ids=NO_CHAINS)
def test_what_is_no_plain_chain_of_layers_has_no_closed_form(make, activation):
    """The trace is then estimated: of the dense Hessian within its 99.9 % interval, seed fixed."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(15, 4, generator=generator, dtype=torch.float64)
    y = torch.randint(0, 4, (15,), generator=generator)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = make(activation).double()
    problem = Problem(module, CrossEntropy(), x, y)
    assert not has_exact_diagonal(problem)
    assert not has_closed_form_kinks(problem)
    w = problem.initial_weights
    trace = hessian_trace(problem, w, seed=0)
    dense = float(dense_hessian(problem, w).trace())
    low, high = trace.interval(0.999)
    assert low - 1e-9 <= dense <= high + 1e-9


def _images_regression():
    """A small network of convolutions and both poolings under squared error."""
    generator = generator_for(2, "images")
    module = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(3, 4, 2),
        nn.LeakyReLU(0.2),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(4, 2),
    ).double()
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(0.4 * torch.randn(p.shape, generator=generator, dtype=p.dtype))
    x = torch.randn(25, 2, 6, 6, generator=generator, dtype=torch.float64)
    y = torch.randn(25, 2, generator=generator, dtype=torch.float64)
    return Problem(module, MeanSquaredError(), x, y)


def _backpack_diagonal(problem, w):
    """BackPACK's exact diagonal of the generalized Gauss-Newton matrix, shape ``(N,)``."""
    module = copy.deepcopy(problem.module)
    with torch.no_grad():
        for name, value in problem.parameters_of(w).items():
            module.get_parameter(name).copy_(value)
    classified = problem.loss_function.name == "cross_entropy"
    module = extend(module)
    loss = extend(nn.CrossEntropyLoss() if classified else nn.MSELoss())
    x, y = problem.data()
    with backpack(DiagGGNExact()):
        loss(module(x), y).backward()
    return problem.flatten({name: p.diag_ggn_exact for name, p in module.named_parameters()})


@pytest.fixture
def double_by_default():
    """BackPACK averages with a convolution of the default type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.usefixtures("double_by_default")
@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
@pytest.mark.parametrize("case", [*EXACT.values(), _images_regression])
def test_layerwise_diagonal_is_backpacks(case):
    problem = case()
    w = 1.3 * problem.initial_weights
    torch.testing.assert_close(
        exact_diagonal(problem, w), _backpack_diagonal(problem, w), rtol=1e-10, atol=1e-14
    )
