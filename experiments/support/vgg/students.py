"""VGG students of a VGG-19 teacher, on which Figures 5 and 6 measure.

The paper's student-teacher setting (section 2.2): a VGG-19 learns CIFAR-10's labels, and students
of the VGG family learn its outputs under squared error. Its appendix with the details is not at
hand, so these are ours: images are standardized per channel, the teacher's outputs are centred and
scaled to a standard deviation of 1, biases start uniform within ±1/√(fan-in), networks have no
batch norm and no dropout. The loss is the mean over the first images of the training set.

Without ``--data`` the same code runs on scikit-learn's digits, enlarged to 3×32×32 (bilinear), with
the VGG family's widths divided by 16 and networks that were trained here, with Adam on the task
itself, in the place of ImageNet-pretrained ones. With ``--weights`` (a folder with files named
``vgg11*.pth`` ... ``vgg19*.pth`` or ``.pt``, torchvision's names; or one such file) students start
from these weights with a new output layer; a file ``teacher*.pt[h]`` in that folder is a VGG-19
trained on CIFAR-10 to be the teacher, which is trained here otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from experiments.support.adam import train_adam
from experiments.support.record import Run
from experiments.support.vgg.network import CONVOLUTIONS, load_pretrained, vgg
from neurograd.errors import ModelError
from neurograd.pipeline.store import StageStore
from neurograd.problem import Problem, datasets
from neurograd.problem.losses import CrossEntropy, Loss, MeanSquaredError
from neurograd.seeding import generator_for

DEPTHS = tuple(CONVOLUTIONS)
CLASSES = 10


@dataclass(frozen=True)
class Scale:
    """Sizes of networks, data and training.

    Attributes:
        factor: Divides the VGG family's widths.
        train_samples: Images that networks are trained on; fewer where there are fewer.
        samples: Images whose mean loss is measured.
        steps: Adam's updates of teacher and trained students.
        batch_size: Images of one of them.
        adam_step: Its largest step size.
        chunk_size: Images of one forward pass.
    """

    factor: int = 16
    train_samples: int = 1437
    samples: int = 100
    steps: int = 300
    batch_size: int = 50
    adam_step: float = 1e-3
    chunk_size: int = 100


def scale_of(run: Run) -> Scale:
    """The paper's sizes with CIFAR-10, else ones that a small machine can do."""
    if run.quick:
        return Scale(factor=32, train_samples=500, samples=40, steps=60)
    if run.data is not None:
        return Scale(1, 50_000, 5000, 12_000, 128, 3e-4, 250)
    return Scale()


@dataclass(frozen=True)
class Task:
    """Images, labels and the teacher's outputs.

    Attributes:
        name: The data set.
        scale: Sizes.
        inputs: Standardized training images, shape ``(n, 3, 32, 32)``; float32.
        outputs: The teacher's outputs on them, standardized, shape ``(n, 10)``; float64.
        accuracy: The teacher's accuracy on the test images.
        weights: Files with pretrained weights by depth; empty without ``--weights``.
    """

    name: str
    scale: Scale
    inputs: Tensor
    outputs: Tensor
    accuracy: float
    weights: dict[int, Path]

    @property
    def learned(self) -> str:
        """The start that stands for a network with learned weights."""
        return "pretrained" if self.weights else "trained"

    @property
    def facts(self) -> dict[str, Any]:
        """What the results have to say about the task."""
        return {
            "data": self.name,
            "teacher": "VGG-19",
            "teacher_test_accuracy": self.accuracy,
            "loss": "squared error to the teacher's standardized outputs",
            "scale": asdict(self.scale),
            "weights": {str(depth): path.name for depth, path in self.weights.items()},
        }


@dataclass(frozen=True)
class Student:
    """One student.

    Attributes:
        start: ``trained``, ``pretrained``, ``kaiming`` or ``xavier``.
        depth: 11, 13, 16 or 19.
        factor: Divides its widths.
        index: Which of several initializations.
    """

    start: str
    depth: int
    factor: int
    index: int

    @property
    def name(self) -> str:
        """A file name."""
        return f"{self.start}-vgg{self.depth}-f{self.factor}-{self.index}"


def make_task(run: Run) -> Task:
    """Load the images and have the teacher learn their labels.

    Raises:
        NeurogradError: If the folder of the data or the weights is not what it should be.
    """
    scale = scale_of(run)
    found = pretrained_files(run.weights)
    if found and scale.factor != 1:
        raise ModelError(
            f"{run.weights}: pretrained weights are those of undivided networks; allowed: "
            "--weights with --data and without --quick"
        )
    data = _images(run, scale)
    store = StageStore(run.stages, run.task({"teacher": asdict(scale)}))
    result, tensors = store.run_tensors(
        "teacher", lambda: _teach(run, scale, data), like=torch.zeros(0, dtype=torch.float64)
    )
    return Task(
        data.name,
        scale,
        data.inputs,
        tensors["outputs"],
        result["accuracy"],
        {depth: path for depth, path in found.items() if depth},
    )


def pretrained_files(path: Path | None) -> dict[int, Path]:
    """Files of pretrained weights by depth, the teacher's (where there is one) under 0.

    Raises:
        ModelError: If there are none.
    """
    if path is None:
        return {}
    prefixes = {0: "teacher"} | {depth: f"vgg{depth}" for depth in DEPTHS}
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    files = [f for f in files if f.suffix in (".pt", ".pth") and f.is_file()]
    found = {}
    for depth, prefix in prefixes.items():
        mine = [f for f in files if f.name.startswith(prefix)]
        if len(mine) > 1:
            raise ModelError(f"{path}: has {mine[0].name} and {mine[1].name}; allowed: one of them")
        if mine:
            found[depth] = mine[0]
    if not set(found) - {0}:
        raise ModelError(
            f"{path}: no file with weights; allowed: files named vgg11*.pth to vgg19*.pth"
        )
    return found


def _images(run: Run, scale: Scale) -> datasets.Dataset:
    """Standardized images of 3×32×32, as many for training as the scale says; float32."""
    if run.data is None:
        data = datasets.digits(flat=False, dtype=torch.float32)
    else:
        data = datasets.cifar10(run.data, dtype=torch.float32)
    train = data.inputs[: scale.train_samples]
    mean = train.mean((0, 2, 3), keepdim=True)
    std = train.std((0, 2, 3), keepdim=True)

    def standardized(x: Tensor) -> Tensor:
        x = (x - mean) / std
        if x.shape[1:] == (3, 32, 32):
            return x
        return functional.interpolate(x, size=32, mode="bilinear").expand(-1, 3, -1, -1)

    return datasets.Dataset(
        data.name,
        standardized(train),
        data.targets[: scale.train_samples],
        standardized(data.test_inputs),
        data.test_targets,
        "classification",
    )


def _teach(
    run: Run, scale: Scale, data: datasets.Dataset
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    network = vgg(
        19,
        data.input_shape,
        CLASSES,
        factor=scale.factor,
        biases="uniform",
        generator=generator_for(run.seed, "teacher"),
    )
    file = pretrained_files(run.weights).get(0)
    if file is not None and load_pretrained(network, file):
        raise ModelError(f"{file}: has another number of outputs; allowed: {CLASSES}")
    problem = _problem(
        run,
        scale,
        network,
        CrossEntropy(),
        (data.inputs, data.targets),
        test_inputs=data.test_inputs,
        test_targets=data.test_targets,
        dtype=torch.float32,
    )
    w = problem.initial_weights
    if file is None:
        w = _adam(problem, scale, run.seed)
    with torch.no_grad():
        parameters = problem.parameters_of(w)
        parts = [problem.outputs(parameters, x) for x, _ in problem.chunks()]
    outputs = torch.cat(parts).to("cpu", torch.float64)
    outputs = outputs - outputs.mean(0)
    spread = float(outputs.std())
    if not spread > 0:
        raise ModelError("the teacher's outputs are all the same; allowed: a teacher that learned")
    return {"accuracy": problem.accuracy(w)}, {"outputs": outputs / spread}


def _problem(
    run: Run,
    scale: Scale,
    network: nn.Module,
    loss: Loss,
    data: tuple[Tensor, Tensor],
    **options: Any,
) -> Problem:
    """A network on inputs and targets, in chunks of the scale, on the run's device."""
    return Problem(network, loss, *data, device=run.device, chunk_size=scale.chunk_size, **options)


def _adam(problem: Problem, scale: Scale, seed: int) -> Tensor:
    return train_adam(
        problem, scale.steps, seed, step_size=scale.adam_step, batch_size=scale.batch_size
    )


def make_student(run: Run, task: Task, student: Student) -> tuple[Problem, Tensor]:
    """A student's problem in float64, and its weights after its training, if any."""
    scale = task.scale
    path = ("student", student.start, student.depth, student.factor, student.index)
    network = vgg(
        student.depth,
        tuple(task.inputs.shape[1:]),
        CLASSES,
        factor=student.factor,
        init="xavier" if student.start == "xavier" else "kaiming",
        biases="uniform",
        generator=generator_for(run.seed, *path),
    )
    if student.start == "pretrained":
        load_pretrained(network, task.weights[student.depth])
    loss, data = MeanSquaredError(), (task.inputs, task.outputs)
    first = (task.inputs[: scale.samples], task.outputs[: scale.samples])
    problem = _problem(run, scale, network, loss, first)
    if student.start != "trained":
        return problem, problem.initial_weights
    training = _problem(run, scale, network, loss, data, dtype=torch.float32)
    seed = generator_for(run.seed, *path, "batches").initial_seed()
    return problem, _adam(training, scale, seed).double()


def family(task: Task, indices: dict[str, int], depths: Sequence[int] = DEPTHS) -> list[Student]:
    """Students of every depth and start, the one with learned weights first.

    Args:
        task: The task.
        indices: Initializations of each start; ``learned`` stands for the learned one.
        depths: Of the VGG family.
    """
    students = []
    for start, count in indices.items():
        name = task.learned if start == "learned" else start
        for depth in depths:
            if name == "pretrained" and depth not in task.weights:
                continue
            students += [Student(name, depth, task.scale.factor, k) for k in range(count)]
    return students
