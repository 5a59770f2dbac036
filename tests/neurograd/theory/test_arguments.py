"""Every function of the theory refuses by name what is outside its range."""

import itertools
import math

import pytest

from neurograd import theory

CLOUD = {"jacobian": [[2.0, 0.5], [0.1, 1.0]], "noise_covariance": [[1.0, 0.1], [0.1, 1.0]]}

GOOD = {
    theory.lemma_2_1: {
        "b": 1.0,
        "grad_beta": 1.0,
        "beta_hessian_beta": 1.0,
        "grad_hessian_beta": 1.0,
        "total_variance": 1.0,
        "hessian_trace": 1.0,
        "num_parameters": 2,
        "step_size": 0.1,
    },
    theory.white_variance_term: {
        "total_variance": 1.0,
        "hessian_trace": 1.0,
        "num_parameters": 2,
        "step_size": 0.1,
    },
    theory.covariance_variance_term: {"trace_hessian_covariance": 1.0, "step_size": 0.1},
    theory.anisotropy: {
        "trace_hessian_covariance": 1.0,
        "hessian_trace": 1.0,
        "total_variance": 1.0,
        "num_parameters": 2,
    },
    theory.variance_impact_per_parameter: {"hessian_trace": 1.0, "num_parameters": 2},
    theory.relu_trace_ratio: {"hidden_layers": 2},
    theory.bias_loss_change: {"b": 1.0, "q": 1.0, "p": 1.0, "grad_norm": 1.0, "step_size": 0.1},
    theory.noise_curvature_threshold: {"step_size": 0.1, "total_variance": 1.0, "grad_norm": 1.0},
    theory.noise_descent_margin: {
        "step_size": 0.1,
        "total_variance": 1.0,
        "grad_norm": 1.0,
        "gradient_curvature": 1.0,
        "hessian_trace": 1.0,
        "num_parameters": 2,
        "kinks": 1.0,
    },
    theory.exact_margin: {
        "grad_direction": 1.0,
        "direction_curvature": 1.0,
        "trace_hessian_covariance": 1.0,
        "step_size": 0.1,
        "kinks": 1.0,
    },
    theory.expected_kink: {"z": 1.0, "mu": 1.0, "s": 1.0},
    theory.leaky_relu_kinks: {"slope": 0.1},
    theory.hard_tanh_kinks: {"low": -1.0, "high": 1.0},
    theory.bias_ratio: {"b": 1.0, "num_parameters": 2, "grad_norm": 1.0},
    theory.bias_ratio_threshold: {"curvature": 1.0, "step_size": 0.1},
    theory.published_bias_ratio_approximation: {"curvature": 1.0, "step_size": 0.1},
    theory.many_steps: {
        "eigenvalues": [1.0, 2.0],
        "step_size": 0.1,
        "steps": 3,
        "variance_per_parameter": 1.0,
        "bias_components": [1.0, 1.0],
        "initial": [1.0, 1.0],
        "weights": [1.0, 1.0],
    },
    theory.loss_floor: {
        "eigenvalues": [1.0, 2.0],
        "step_size": 0.1,
        "variance_per_parameter": 1.0,
        "bias_components": [1.0, 1.0],
        "weights": [1.0, 1.0],
    },
    theory.scaling_exponent: {
        "num_parameters": [1, 2, 3],
        "total_variances": [1.0, 2.0, 3.0],
        "confidence": 0.9,
    },
    theory.write_symmetry: {"up": [1.0, 0.9], "down": [1.0, 1.1]},
    theory.asymmetric_write_mean: {
        "mean_request": [0.1, -0.1],
        "mean_absolute_request": [0.2, 0.1],
        "symmetric": [1.0, 1.0],
        "asymmetric": [0.3, -0.3],
    },
    theory.gaussian_mean_absolute: {"mean": [0.1, -0.1], "std": [0.2, 0.1]},
    theory.stationary_covariance: {**CLOUD, "step_size": 0.1},
    theory.covariance_after: {**CLOUD, "step_size": 0.1, "steps": 3},
    theory.settled_steps: {"eigenvalues": [1.0, 2.0], "step_size": 0.1, "steps": 3},
    theory.asymmetric_jacobian: {
        "hessian": [[2.0, 0.5], [0.5, 1.0]],
        "symmetric": [1.0, 1.0],
        "asymmetric_slope": [1.0, -1.0],
        "mean_absolute_request": [0.2, 0.1],
        "step_size": 0.1,
    },
    theory.mean_path_correction: {
        "covariance": [[1.0, 0.1], [0.1, 1.0]],
        "second_derivatives": [[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]],
    },
}
theory_descends = {theory.descends_in_noise: GOOD[theory.noise_descent_margin]}
ALL = {**GOOD, **theory_descends}


def refuses(function, arguments, name):
    with pytest.raises(ValueError, match=rf"^{name}\b") as caught:
        function(**arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("function", ALL, ids=lambda f: f.__name__)
def test_good_arguments_are_accepted_and_what_is_not_finite_is_refused(function):
    function(**ALL[function])
    for name, bad in itertools.product(ALL[function], (math.nan, -math.inf, "many", None)):
        if bad is None and name in ("bias_components", "initial", "weights"):
            continue
        refuses(function, {**ALL[function], name: bad}, name)
        if isinstance(ALL[function][name], list):
            refuses(function, {**ALL[function], name: [1.0, bad]}, name)
        elif name != "steps":
            refuses(function, {**ALL[function], name: math.inf}, name)


@pytest.mark.parametrize("function", ALL, ids=lambda f: f.__name__)
def test_ranges_are_refused_by_name(function):
    never_negative = {"total_variance", "step_size", "grad_norm", "steps", "weights"}
    never_negative |= {"variance_per_parameter", "num_parameters", "total_variances", "confidence"}
    never_negative |= {"std", "mean_absolute_request"}
    for name in never_negative & ALL[function].keys():
        good = ALL[function][name]
        bad = [-1e-9, *good[1:]] if isinstance(good, list) else -1
        refuses(function, {**ALL[function], name: bad}, name)
    if isinstance(ALL[function].get("num_parameters"), int):
        for bad in (0, 1.5):
            refuses(function, {**ALL[function], "num_parameters": bad}, "num_parameters")


@pytest.mark.parametrize(
    "function",
    [
        theory.noise_curvature_threshold,
        theory.noise_descent_margin,
        theory.descends_in_noise,
        theory.many_steps,
        theory.loss_floor,
        theory.stationary_covariance,
        theory.covariance_after,
        theory.settled_steps,
        theory.asymmetric_jacobian,
    ],
)
def test_a_step_size_of_zero_is_refused_where_it_decides(function):
    refuses(function, {**ALL[function], "step_size": 0.0}, "step_size")


def test_particular_errors():
    refuses(theory.bias_ratio, {"b": 1.0, "num_parameters": 2, "grad_norm": 0.0}, "grad_norm")
    refuses(theory.bias_ratio, {"b": -1.0, "num_parameters": 2, "grad_norm": 1.0}, "b")
    negative = {"curvature": -1.0, "step_size": 0.1}
    refuses(theory.bias_ratio_threshold, {**negative, "form": "published"}, "curvature")
    refuses(theory.published_bias_ratio_approximation, negative, "curvature")
    with pytest.raises(ValueError, match="'safe', 'published', got 'exact'"):
        theory.bias_ratio_threshold(1.0, 0.1, form="exact")
    many = ALL[theory.many_steps]
    refuses(theory.many_steps, {**many, "steps": 1.5}, "steps")
    refuses(theory.many_steps, {**many, "eigenvalues": []}, "eigenvalues")
    refuses(theory.many_steps, {**many, "eigenvalues": [[1.0, 2.0]]}, "eigenvalues")
    refuses(theory.many_steps, {**many, "eigenvalues": [1e308, 1], "step_size": 99}, "eigenvalues")
    for name in ("bias_components", "initial", "weights", "variance_per_parameter"):
        refuses(theory.many_steps, {**many, name: [1.0, 1.0, 1.0]}, name)
    refuses(theory.scaling_exponent, {**ALL[theory.scaling_exponent], "confidence": 1}, "confid.*")
    two = {"num_parameters": [1, 2], "total_variances": [1.0, 2.0]}
    refuses(theory.scaling_exponent, two, "num_parameters")
    same = {"num_parameters": [5, 5, 5], "total_variances": [1.0, 2.0, 3.0]}
    refuses(theory.scaling_exponent, same, "num_parameters")
    zero = {"num_parameters": [1, 2, 3], "total_variances": [1.0, 0.0, 3.0]}
    refuses(theory.scaling_exponent, zero, "total_variances")
    short = {"num_parameters": [1, 2, 3], "total_variances": [1.0, 3.0]}
    refuses(theory.scaling_exponent, short, "total_variances")
    still = {**ALL[theory.exact_margin], "step_size": 0.0}
    refuses(theory.exact_margin, still, "kinks")
    for bad in (0, -1, 1.5):
        refuses(theory.relu_trace_ratio, {"hidden_layers": bad}, "hidden_layers")
