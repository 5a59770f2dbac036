"""The keys of a spec's network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from neurograd.keys.fields import (
    MAX_LAYERS,
    WIDTH,
    Line,
    Number,
    Seconds,
    Shorthand,
    SpecModel,
    Whole,
    fill,
    given,
    refuse,
    spec_problem,
)

SurrogateName = Literal[
    "straight_through_estimator",
    "triangular",
    "fast_sigmoid",
    "atan",
    "heaviside",
    "sigmoid",
    "spike_rate_escape",
    "SSO",
    "LSO",
    "SFS",
]

Architecture = Literal["mlp", "cnn", "lenet5", "resnet18", "vgg11", "vgg16", "vgg19"]

SURROGATE_DEFAULTS: Mapping[str, Mapping[str, float]] = {
    "straight_through_estimator": {},
    "triangular": {"threshold": 1.0},
    "fast_sigmoid": {"slope": 25.0},
    "atan": {"alpha": 2.0},
    "heaviside": {},
    "sigmoid": {"slope": 25.0},
    "spike_rate_escape": {"beta": 1.0, "slope": 25.0},
    "SSO": {"mean": 0.0, "variance": 0.2},
    "LSO": {"slope": 0.1},
    "SFS": {"slope": 25.0, "B": 1.0},
}
"""snntorch's own defaults (held against it in the tests; this module does without torch)."""


class SurrogateSpec(SpecModel):
    """The derivative that takes the place of the spike's, by snntorch's name and parameters."""

    name: SurrogateName = Field(
        "fast_sigmoid", description="snntorch's name of it. Default: fast_sigmoid."
    )
    slope: Annotated[float, Number(0, 1000, above=True)] | None = Field(
        None,
        description="k of fast_sigmoid, sigmoid, SFS, spike_rate_escape and LSO. "
        "Default: 25; 0.1 of LSO.",
    )
    alpha: Annotated[float, Number(0, 1000, above=True)] | None = Field(
        None, description="alpha of atan. Default: 2."
    )
    threshold: Annotated[float, Number(0, 1000, above=True)] | None = Field(
        None, description="Threshold of triangular. Default: 1."
    )
    beta: Annotated[float, Number(0, 1000)] | None = Field(
        None, description="beta of spike_rate_escape. Default: 1."
    )
    mean: Annotated[float, Number(-100, 100)] | None = Field(
        None, description="Mean of SSO. Default: 0."
    )
    variance: Annotated[float, Number(0, 100)] | None = Field(
        None, description="Variance of SSO. Default: 0.2."
    )
    B: Annotated[float, Number(-1000, 1000)] | None = Field(
        None, description="Potential above threshold from which SFS is not 0. Default: 1."
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_parameters(cls, data: Any) -> Any:
        name = data.get("name", "fast_sigmoid") if isinstance(data, Mapping) else None
        if not isinstance(name, str) or name not in SURROGATE_DEFAULTS:
            return data
        return fill(data, SURROGATE_DEFAULTS[name])

    @model_validator(mode="after")
    def _check_parameters(self) -> SurrogateSpec:
        for key in type(self).model_fields:
            if key == "name" or key in SURROGATE_DEFAULTS[self.name]:
                continue
            names = [name for name, keys in SURROGATE_DEFAULTS.items() if key in keys]
            refuse(self, (key,), f"is for {' or '.join(names)} only, not {self.name}")
        return self

    def parameters(self) -> dict[str, float]:
        """The parameters that this surrogate has."""
        return {key: getattr(self, key) for key in SURROGATE_DEFAULTS[self.name]}


def _named(value: Any) -> Any:
    """A name alone stands for a surrogate with its default parameters."""
    return {"name": value} if isinstance(value, str) else {} if value is None else value


_BY_NAME = Shorthand(
    _named, (("enum", [*SURROGATE_DEFAULTS, None]),), "one of its names, a mapping, or null"
)

_SPIKING_DEFAULTS: Mapping[str, Any] = {
    "surrogate": {"name": "fast_sigmoid"},
    "decay": 0.9,
    "threshold": 1.0,
    "reset": "subtract",
    "readout": "membrane",
}

_SPIKING_KEYS = (*_SPIKING_DEFAULTS, "time_steps", "coding")

_SPIKES: Mapping[str, Mapping[str, Any]] = {
    "learning_rule": {"name": "surrogate"},
    "measure": {"smoothing_draws": 500},
}
OF_KIND: Mapping[str, Mapping[str, Mapping[str, Any]]] = {"spiking": _SPIKES, "nir": _SPIKES}
"""Defaults of other sections that a kind of network has in place of theirs."""

_NIR_DEFAULTS: Mapping[str, Any] = {
    "surrogate": {"name": "fast_sigmoid"},
    "reset": "zero",
    "step_duration": 1e-4,
}
_OF_THE_GRAPH = ("decay", "threshold")
"""Keys of spiking neurons that a graph of NIR has itself."""

_MODULE_DEFAULTS: Mapping[str, Any] = {"factory": "make_net", "arguments": {}}
_OF_LAYERS: Mapping[str, Any] = {
    "architecture": None,
    "hidden": (),
    "channels": None,
    "activation": None,
    "output_activation": None,
    "init": None,
}
"""What a module has in place of the keys that shape the networks of this package."""

PUBLISHED: Mapping[str, Mapping[str, Any]] = {
    "lenet5": {"activation": "tanh", "init": "xavier"},
    **{
        name: {"activation": "relu", "init": "kaiming"}
        for name in ("resnet18", "vgg11", "vgg16", "vgg19")
    },
}
"""Architectures whose layers are published, with the defaults that they were published with."""


def _published(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The keys of an architecture that has its own widths."""
    if data.get("hidden"):
        raise spec_problem(
            f"is not for architecture {name}, which has its own; remove it", "hidden"
        )
    return {**fill(data, PUBLISHED[name]), "hidden": ()}


def _of_a_graph(data: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a graph of NIR, without those of layers."""
    return {**fill(_without_layers(data), _NIR_DEFAULTS), **_OF_LAYERS}


def _without_layers(data: Mapping[str, Any]) -> Mapping[str, Any]:
    for key in _OF_LAYERS:
        if data.get(key):
            problem = f"is not for kind {data['kind']}, whose file says it; remove the key"
            raise spec_problem(problem, key)
    return data


def _of_a_module(data: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a module, without those of layers."""
    data = _without_layers(data)
    # An empty surrogate asks for nothing.
    kept = {key: value for key, value in data.items() if (key, value) != ("surrogate", None)}
    return {**fill(kept, _MODULE_DEFAULTS), **_OF_LAYERS}


class Network(SpecModel):
    """The network that the chip trains."""

    kind: Literal["rate", "spiking", "module", "nir"] = Field(
        "rate",
        description="Kind of neurons; spiking ones are leaky integrate-and-fire; module is a torch "
        "module from a Python file; nir a graph of the Neuromorphic Intermediate Representation "
        "from a file (extra nir). Default: rate.",
    )
    file: Annotated[str, Line(4096)] | None = Field(
        None,
        description="Python file that makes the module, which runs with --allow-code only; of kind "
        "nir the .nir file of the graph with its weights. Relative to the spec; for kind module "
        "and nir only, which need it. Default: null.",
    )
    factory: Annotated[str, Line(200)] | None = Field(
        None,
        description="Function of that file that gives the module; its samples come as the data "
        "set has them, images as (channels, height, width). Kind module only. Default: make_net.",
    )
    arguments: dict[str, Any] | None = Field(
        None,
        description="What that function is called with, by name. Kind module only. Default: {}.",
    )
    architecture: Architecture | None = Field(
        "mlp",
        description="Fully connected; convolutional; LeNet-5, for images of 12x12 or more; "
        "ResNet-18 with a 3x3 convolution in front, as for CIFAR-10; VGG of 11, 16 or 19 layers, "
        "with one linear layer and no normalization, for images of 32x32 or more. Default: mlp.",
    )
    hidden: tuple[Annotated[int, WIDTH], ...] = Field(
        (128, 128),
        max_length=MAX_LAYERS,
        description="Widths of the hidden layers, each 1 to 65536, at most 64; [] for none. "
        "Default: [128, 128].",
    )
    channels: tuple[Annotated[int, WIDTH], ...] | None = Field(
        None,
        min_length=1,
        max_length=MAX_LAYERS,
        description="Channels of the convolution layers, for architecture cnn only. "
        "Default: [8, 16].",
    )
    activation: Literal["relu", "tanh", "sigmoid", "linear"] | None = Field(
        None,
        description="Nonlinearity of the hidden layers, for kind rate only. Default: relu; tanh of "
        "lenet5.",
    )
    output_activation: Literal["sigmoid"] | None = Field(
        None,
        description="Nonlinearity of the outputs; with a sigmoid classes are learned by the "
        "squared error against 1 for the sample's class and 0 for the others, in place of the "
        "cross-entropy. For kind rate, all but resnet18. Default: null, none.",
    )
    init: Literal["xavier", "kaiming"] | None = Field(
        "xavier",
        description="How the weights start; a module has its own way, a graph of nir its own "
        "weights. Default: xavier; kaiming of "
        "resnet18 and vgg.",
    )
    biases: Literal["none", "digital", "analog"] = Field(
        "analog",
        description="analog: biases are stored, read and written as weights are; digital: all "
        "parameters of one dimension (biases, and gains and offsets of normalization) are kept and "
        "updated exactly; none: layers have no biases, not for kind module and nir. "
        "Default: analog.",
    )
    weights: Annotated[str, Line(4096)] | None = Field(
        None,
        description="File of start weights, .safetensors or .npz, relative to the spec: one array "
        "for each of the network's parameters, by its name in torch. Default: null, by init.",
    )
    surrogate: Annotated[SurrogateSpec | None, _BY_NAME] = Field(
        None,
        description="Surrogate derivative of the spike, a name or a mapping with its parameters; "
        "for kind spiking and nir only. Default: fast_sigmoid.",
    )
    time_steps: Annotated[int, Whole(1, 10_000)] | None = Field(
        None,
        description="Time steps of one sample, for kind spiking and nir only; spike trains of your "
        "own have theirs. Default: 10.",
    )
    decay: Annotated[float, Number(0, 1)] | None = Field(
        None,
        description="What is left of a membrane potential after one time step, 0 to 1; for kind "
        "spiking only. Default: 0.9.",
    )
    threshold: Annotated[float, Number(0, 1000, above=True)] | None = Field(
        None, description="Potential above which a neuron spikes; kind spiking only. Default: 1."
    )
    reset: Literal["subtract", "zero"] | None = Field(
        None,
        description="What a spike does to the membrane potential: subtract takes the threshold "
        "off, as networks of snntorch do unless told otherwise (their graphs of nir do not say "
        "it); zero puts 0 in its place, of nir the graph's v_reset; kind spiking and nir only. "
        "Default: subtract; zero of nir.",
    )
    readout: Literal["membrane", "spikes"] | None = Field(
        None,
        description="Outputs: mean potential of leaky neurons that do not spike, or numbers of "
        "spikes; kind spiking and nir only. Default: membrane; of nir null, spikes where the graph "
        "ends in neurons that spike.",
    )
    coding: Literal["rate", "latency", "current", "events"] | None = Field(
        None,
        description="How inputs become spikes (or a constant current); events: samples of shape "
        "(time steps, inputs) that are spike trains, of task file; kind spiking and nir only. "
        "Default: rate; of task file null: events where samples have such a shape, else rate.",
    )

    step_duration: Annotated[float, Seconds()] | None = Field(
        None,
        description="Time that one time step takes, by which a graph's time constants are read; "
        "kind nir only. Default: 0.1 ms, as snntorch writes them.",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_kind(cls, data: Any) -> Any:
        if given(data, "kind") and data["kind"] == "nir":
            return _of_a_graph(data)
        if given(data, "kind") and data["kind"] == "module":
            return _of_a_module(data)
        spiking = given(data, "kind") and data["kind"] == "spiking"
        # A list has no hash, and what was written may be one.
        published = given(data, "architecture") and data["architecture"] in [*PUBLISHED]
        if published and not spiking:
            data = _published(data, data["architecture"])
        if given(data, "architecture") and data["architecture"] == "cnn":
            data = fill(data, {"channels": (8, 16)})
        if spiking:
            return fill(data, _SPIKING_DEFAULTS)
        if isinstance(data, Mapping) and data.get("surrogate", 0) is None:
            # An empty surrogate asks for nothing of a rate network.
            data = {key: value for key, value in data.items() if key != "surrogate"}
        return fill(data, {"activation": "relu"})

    @model_validator(mode="after")
    def _check_keys(self) -> Network:
        if self.kind != "nir":
            refuse(self, ("step_duration",), f"is for kind nir only, not {self.kind}")
        if self.kind in ("module", "nir") and self.biases == "none":
            problem = f"none is not for kind {self.kind}, whose file says it; allowed: "
            raise spec_problem(f"{problem}digital, analog", "biases")
        if self.kind == "module":
            refuse(self, _SPIKING_KEYS, "is for kind spiking only, not module")
            return self
        refuse(self, tuple(_MODULE_DEFAULTS), f"is for kind module only, not {self.kind}")
        if self.kind == "nir":
            return self._checked_graph()
        refuse(self, ("file",), f"is for kind module and nir only, not {self.kind}")
        for key in ("architecture", "init"):
            if getattr(self, key) is None:
                raise spec_problem("is null, which is for kind module only", key)
        if self.architecture != "cnn":
            refuse(self, ("channels",), "is for architecture cnn only")
        if self.architecture == "resnet18":
            refuse(self, ("output_activation",), "is not for architecture resnet18")
        if self.kind == "rate":
            refuse(self, _SPIKING_KEYS, "is for kind spiking only, not rate")
            return self
        own = ("activation", "output_activation")
        refuse(self, own, "is for kind rate only; spiking neurons have a surrogate")
        if self.architecture != "mlp":
            problem = f"{self.architecture} is not there for kind spiking; allowed: mlp"
            raise spec_problem(problem, "architecture")
        self._check_latency()
        return self

    def _checked_graph(self) -> Network:
        refuse(self, _OF_THE_GRAPH, "is not for kind nir, whose file says it")
        if self.step_duration == 0:
            raise spec_problem("0 s is no time; allowed: above that", "step_duration")
        self._check_latency()
        return self

    def _check_latency(self) -> None:
        if self.coding == "latency" and self.time_steps == 1:
            raise spec_problem("1 is too few for latency coding; allowed: 2 or more", "time_steps")


def coding_of(network: Any, task: Any) -> dict[str, Any]:
    """Defaults of a spiking network's inputs; a user's own samples tell what they are."""
    own = given(task, "name") and task["name"] == "file"
    if own and (not given(network, "coding") or network["coding"] == "events"):
        return {}
    return {"coding": "rate", "time_steps": 10}
