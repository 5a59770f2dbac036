"""The keys of a device spec: types, ranges, defaults and the checks between keys.

The models are frozen and hold plain numbers: fractions as floats from 0 to 1, conductances in
siemens, times in seconds. A key that does not apply to the chosen model, rule, kind, architecture
or task is None. The field descriptions are the JSON Schema that editors show.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from neurograd.effects.deployment_keys import Deployment as DeploymentKeys
from neurograd.effects.recipe_keys import check_recipe
from neurograd.effects.training_keys import MOST_UPDATES, Training
from neurograd.effects.update_keys import Update
from neurograd.errors import NumbersError, SpecError
from neurograd.keys.fields import (
    EMPTY,
    SEED,
    Fraction,
    Number,
    SpecModel,
    Whole,
    fill,
    given,
    spec_problem,
)
from neurograd.keys.ranges import Ranges
from neurograd.spec.device_schema import ChipSections, Device
from neurograd.spec.network_schema import OF_KIND, Network, coding_of
from neurograd.spec.presets import PresetName, list_inference_presets, merge_inference_preset
from neurograd.spec.rule_schema import RATE_ONLY, RULES, SPIKING_ONLY, LearningRule
from neurograd.spec.task_schema import Task
from neurograd.spec.versions import CURRENT, AsWritten


class Deployment(DeploymentKeys):
    """What comes after training. A preset's keys lie under those given here and in device."""

    preset: Annotated[str, PresetName(list_inference_presets)] | None = Field(
        None,
        description="A shipped inference preset to start from ('neurograd presets'): device and "
        "deployment. Default: none.",
    )


class Targets(SpecModel):
    """What the verdict is held against."""

    max_accuracy_drop: Annotated[float, Fraction()] = Field(
        0.02,
        description="Test accuracy that the chip may lose against the clean network, in points "
        "of accuracy; for classification. Default: 2 %.",
    )
    max_accuracy_drop_deployed: Annotated[float, Fraction()] | None = Field(
        None,
        description="Test accuracy that the deployed chip may have lost against the clean network "
        "at any of deployment.times; for classification. Default: null, max_accuracy_drop.",
    )
    max_excess_loss: Annotated[float, Fraction()] = Field(
        0.05,
        description="Part of the clean network's decrease of the loss that may be lost; "
        "for regression. Default: 5 %.",
    )
    confidence: Annotated[float, Fraction(above=0.5, below=1)] = Field(
        0.95, description="Confidence of the verdict, above 50 % and below 100 %. Default: 95 %."
    )


class Measure(SpecModel):
    """How much is measured."""

    draws: Annotated[int, Whole(2, 10_000_000)] = Field(
        2000, description="Updates drawn at each point, 2 to 10000000. Default: 2000."
    )
    loss_draws: Annotated[int, Whole(2, 10_000_000)] = Field(
        200, description="Draws whose loss is evaluated, 2 to 10000000. Default: 200."
    )
    budget: Literal["training", "none"] = Field(
        "training",
        description="What measuring may take: no more work than training the chips and not much "
        "(training), for which draws of the loss see parts of the training set in turn, the "
        "spectrum is looked at as in a quick check and fewer updates are drawn, in this order; or "
        "all draws on all samples (none). Draws of a spiking network's loss see samples at random "
        "in place of parts. "
        "Default: training.",
    )
    points: Annotated[int, Whole(1, 1000)] = Field(
        5, description="Points along the clean training, 1 to 1000. Default: 5."
    )
    seed: Annotated[int, SEED] = Field(0, description="Seed of every draw. Default: 0.")
    smoothing: Annotated[float, Number(0, above=True)] | None = Field(
        None,
        description="Standard deviation s of the weights' noise in the smoothed loss, whose "
        "gradient is the reference of a spiking network, in weight units; for networks that spike. "
        "Default: the read noise of the device, 0.02 without any.",
    )
    smoothing_draws: Annotated[int, Whole(2, 10_000_000)] | None = Field(
        None,
        description="Pairs of losses for the length of its gradient; for networks that spike. "
        "Default: 500.",
    )
    chunk_size: Annotated[int, Whole(1, 10_000_000)] = Field(
        4096,
        description="Samples of the data that one pass takes, 1 to 10000000; bounds the memory and "
        "changes no result but what is drawn in a pass, by device.converters or a stochastic "
        "surrogate: other numbers of the same distribution. Default: 4096.",
    )
    precision: Literal["float64", "float32"] = Field(
        "float64", description="Floating point format. Default: float64."
    )


class Spec(ChipSections):
    """A chip, what it trains, and what is asked of it."""

    learning_rule: Annotated[LearningRule, EMPTY] = Field(
        default_factory=LearningRule, description="What the chip computes as its gradient."
    )
    network: Annotated[Network, EMPTY] = Field(
        default_factory=Network, description="The network that the chip trains."
    )
    task: Annotated[Task, EMPTY] = Field(default_factory=Task, description="What is learned.")
    training: Annotated[Training, EMPTY] = Field(
        default_factory=Training, description="How the network is trained."
    )
    update: Annotated[Update, EMPTY] = Field(
        default_factory=Update, description="How gradients become pulses."
    )
    deployment: Deployment | None = Field(
        None,
        description="What comes after training: programming and ageing. Default: null, nothing.",
    )
    targets: Annotated[Targets, EMPTY] = Field(
        default_factory=Targets, description="What the verdict is held against."
    )
    measure: Annotated[Measure, EMPTY] = Field(
        default_factory=Measure, description="How much is measured."
    )
    ranges: Ranges | None = Field(
        None,
        description="Numbers that are not known exactly. Default: null, all are as they stand.",
    )
    spec_version: Annotated[int, Whole(1, CURRENT)] = Field(
        CURRENT, description="Version of the keys, as neurograd migrate writes it. Default: 1."
    )

    _allow_code: bool = PrivateAttr(False)
    _handed_over: Any = PrivateAttr(None)
    _remarks: tuple[str, ...] = PrivateAttr(())
    _written: AsWritten = PrivateAttr(AsWritten())

    @model_serializer(mode="wrap")
    def _without_idle(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A spec whose numbers are known, or that is written itself, keeps its form and identity.

        Sections that came later do not stand in it where they say nothing new.
        """
        found: dict[str, Any] = handler(self)
        if self.ranges is None:
            found.pop("ranges", None)
        if self.update.is_plain:
            found.pop("update", None)
        return found

    @property
    def typical(self) -> Spec:
        """The same chip with all numbers known, at their typical values."""
        return self if self.ranges is None else self.model_copy(update={"ranges": None})

    @property
    def allows_code(self) -> bool:
        """Whether the Python file that it names may be run."""
        return self._allow_code

    @property
    def handed_over(self) -> Any:
        """What a program has handed over beside the keys; None for a spec of keys alone."""
        return self._handed_over

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was found out when it was read, for reports to say, a line each."""
        return self._remarks

    @property
    def written(self) -> Mapping[str, Any]:
        """The keys that it was read from, without those of presets and defaults."""
        return self._written.keys

    def read_from(self, written: Mapping[str, Any], remarks: tuple[str, ...]) -> Spec:
        """The same spec, read from these keys, of which this was found out there."""
        other = self.model_copy()
        other._written, other._remarks = AsWritten(written), remarks
        return other

    def epoch_length(self, samples: int) -> int:
        """Updates in which batches cover a number of training samples once."""
        size = self.learning_rule.batch_size
        return 1 if isinstance(size, str) else -(-samples // size)

    def count_updates(self, samples: int) -> int:
        """Updates of the training on a number of samples.

        Raises:
            NumbersError: If there are too many.
        """
        training = self.training
        if training.epochs is None:
            return training.steps or 0
        count = training.epochs * self.epoch_length(samples)
        if count > MOST_UPDATES:
            raise NumbersError(
                f"training.epochs: {training.epochs} of {self.epoch_length(samples)} updates are "
                f"{count}; allowed: up to {MOST_UPDATES} updates"
            )
        return count

    def check_leave(self, source: str) -> None:
        """Raise SpecError, which calls the spec by its source, where code is not allowed to run."""
        code = self.network.kind == "module" and self.network.file is not None
        if code and not self.allows_code:
            problem = (
                f"{self.network.file} is Python code, which a spec cannot run by itself; allowed: "
                "with --allow-code, or load_spec(..., allow_code=True)"
            )
            raise SpecError(source, "network.file", problem)

    def beside(self, handed_over: Any = None, *, allow_code: bool = False) -> Spec:
        """The same keys with what is no key: objects of a program, leave to run a file."""
        other = self.model_copy()
        other._handed_over, other._allow_code = handed_over, allow_code
        return other

    def like(self, other: Spec) -> Spec:
        """The same keys with what another spec has beside its keys."""
        same = self.read_from(self.written, other.remarks)
        return same.beside(other.handed_over, allow_code=other.allows_code)

    @model_validator(mode="before")
    @classmethod
    def _merge_inference_preset(cls, data: Any) -> Any:
        return merge_inference_preset(data) if isinstance(data, Mapping) else data

    @model_validator(mode="before")
    @classmethod
    def _fill_spiking(cls, data: Any) -> Any:
        """A spiking network learns by surrogate gradients unless another rule is named."""
        if not isinstance(data, Mapping) or not given(data, "network"):
            return data
        network = data["network"]
        if not given(network, "kind") or network["kind"] not in ("spiking", "nir"):
            return data
        sections: dict[str, Mapping[str, Any]] = {
            "network": coding_of(network, data.get("task")),
            **OF_KIND[network["kind"]],
        }
        filled = dict(data)
        for name, defaults in sections.items():
            filled[name] = fill({} if data.get(name) is None else data[name], defaults)
        return filled

    @model_validator(mode="after")
    def _check_together(self) -> Spec:
        images = self.network.architecture not in ("mlp", None)
        if images and self.task.name in ("teacher_student", "yin_yang"):
            name = self.network.architecture
            problem = f"{name} needs images, and task {self.task.name} has none; allowed: mlp"
            raise spec_problem(problem, "network.architecture")
        self._check_module()
        self._check_kind()
        self._check_deployment()
        check_recipe(self)
        batch, samples = self.learning_rule.batch_size, self.task.train_samples
        if isinstance(batch, int) and samples is not None and batch > samples:
            problem = f"{batch} is more than task.train_samples, {samples}; allowed: at most that"
            raise spec_problem(problem, "learning_rule.batch_size")
        self._check_layers()
        return self

    def _check_layers(self) -> None:
        """Refuses what a chip whose layers differ does not have."""
        if self.output_scales and self.learning_rule.name == "node_perturbation":
            problem = "learned is not there for learning_rule.name node_perturbation, which moves "
            problem += "weights and biases of layers only; allowed: null, or another rule"
            raise spec_problem(problem, f"layers.{self.output_scales[0]}.output_scale")
        apart = "layers" if self.layers else "network.biases"
        if not self.layers and self.network.biases != "digital":
            return
        for name, view in self.views().items():
            if view.device is not None and view.device.pulse_train is not None:
                key = f"layers.{name}.device.pulse_train" if name else "device.pulse_train"
                problem = f"is for a chip whose weights are all written alike, not beside {apart}"
                raise spec_problem(f"{problem}; remove one of both", key)

    def _check_module(self) -> None:
        """A module comes from a file, or with its data from a program."""
        network, program = self.network, self.task.name == "python"
        if program and (network.kind != "module" or network.file is not None):
            problem = "python is for a module that a program hands over; allowed: "
            raise spec_problem(f"{problem}another task, or check(problem=...)", "task.name")
        if network.kind == "module" and network.file is None and not program:
            problem = "is missing; kind module needs the Python file that makes the network"
            raise spec_problem(problem, "network.file")
        if network.kind == "nir" and network.file is None:
            raise spec_problem("is missing; kind nir needs the file of the graph", "network.file")

    def _check_deployment(self) -> None:
        """Refuses what a deployment lacks, and what would act in none."""
        # A module or a graph comes with weights of its own.
        starts = self.network.kind in ("module", "nir") or self.network.weights is not None
        if self.training.steps == 0 and (self.deployment is None or not starts):
            problem = "0 leaves nothing to be judged; allowed: 1 to 10000000, or 0 with both "
            raise spec_problem(f"{problem}network.weights and deployment", "training.steps")
        views = self.views()
        if self.deployment is None and self.targets.max_accuracy_drop_deployed is not None:
            problem = "is for a deployment; remove the key or give deployment"
            raise spec_problem(problem, "targets.max_accuracy_drop_deployed")
        if self.deployment is not None and all(view.device is None for view in views.values()):
            problem = "needs devices to be programmed; allowed: beside device, such as device: {}"
            raise spec_problem(problem, "deployment")
        for name, view in views.items():
            if view.device is not None:
                view._check_ageing(view.device, f"layers.{name}.device" if name else "device")

    def _check_ageing(self, device: Device, place: str) -> None:
        """Refuses times that devices, whose keys are at a place, do not have."""
        drift = device.drift
        if self.deployment is None:
            if drift is not None and not drift.time:
                found = "is missing" if drift.time is None else "0 s is before t0"
                problem = f"{found}; allowed: t0 or later, or a deployment, which has its times"
                raise spec_problem(problem, f"{place}.drift.time")
            return
        early = [] if drift is None else [t for t in self.deployment.times if 0 < t < drift.t0]
        if drift is not None and early:
            problem = f"{early[0]:g} s is before {place}.drift.t0, {drift.t0:g} s; "
            raise spec_problem(f"{problem}allowed: 0, or t0 or later", "deployment.times")
        converters = device.converters
        if (
            self.deployment.compensation == "global"
            and converters is not None
            and converters.output_range is not None
        ):
            problem = f"global is not modelled behind a fixed {place}.converters.output_range; "
            raise spec_problem(f"{problem}allowed: none", "deployment.compensation")

    def _check_kind(self) -> None:
        """Refuses rules, tasks and keys that the kind of network does not have."""
        network, rule = self.network, self.learning_rule.name
        # A graph has surrogates, and not always the layers one behind the other that eprop needs.
        bound = {"module": (*SPIKING_ONLY, *RATE_ONLY), "nir": ("eprop", *RATE_ONLY)}
        if rule in bound.get(network.kind, ()):
            allowed = _but(bound[network.kind])
            problem = f"{rule} is not there for network.kind {network.kind}; allowed: {allowed}"
            raise spec_problem(problem, "learning_rule.name")
        if network.kind == "rate":
            for key in ("smoothing", "smoothing_draws"):
                if getattr(self.measure, key) is not None:
                    problem = "is for networks that spike, not for kind rate; remove the key"
                    raise spec_problem(problem, f"measure.{key}")
            if rule in SPIKING_ONLY:
                problem = f"{rule} needs network.kind spiking; "
                problem += f"allowed for rate: {_but(SPIKING_ONLY)}"
                raise spec_problem(problem, "learning_rule.name")
        elif network.kind == "spiking" and rule in RATE_ONLY:
            problem = f"{rule} needs network.kind rate; allowed for spiking: {_but(RATE_ONLY)}"
            raise spec_problem(problem, "learning_rule.name")
        if self.task.name == "teacher_student" and network.coding in ("rate", "latency"):
            problem = (
                f"{network.coding} needs inputs from 0 to 1, which task teacher_student has not; "
                "allowed: current"
            )
            raise spec_problem(problem, "network.coding")
        if network.coding == "events" and self.task.name != "file":
            problem = "events needs task.name file, whose samples may be spike trains; "
            raise spec_problem(f"{problem}allowed: rate, latency, current", "network.coding")
        train = None if self.device is None else self.device.pulse_train
        plain = (rule, network.kind, network.architecture) == ("backprop", "rate", "mlp")
        if train is not None and not plain:
            problem = (
                "needs learning_rule.name backprop, network.kind rate and network.architecture mlp"
            )
            raise spec_problem(problem, "device.pulse_train")


def _but(names: tuple[str, ...]) -> str:
    """The other rules, for a message."""
    return ", ".join(rule for rule in RULES if rule not in names)
