"""What a number depends on: the identity of every task whose results are kept on disk.

Two tasks with the same digest have the same numbers, so that one may take the other's results. A
task therefore holds the keys of the spec that matter for it, the content of the data, and the
surroundings: versions, kind of device, and the program itself.
"""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, Self, cast

import torch

import neurograd
from neurograd.errors import DataError
from neurograd.fit.reading import files_read
from neurograd.output import to_json
from neurograd.pipeline.own.content import content_of
from neurograd.problem import Problem, Split
from neurograd.problem.module_parts import OURS
from neurograd.records.report import DataUsed
from neurograd.spec import Spec, spec_to_dict

CODE = OURS
"""Packages whose sources every number depends on."""

LIBRARIES = {
    **{name: name for name in ("torch", "snntorch", "numpy", "scipy", "numba")},
    "curvlinops": "curvlinops-for-pytorch",
}
"""Libraries that numbers depend on, with what their packages are called."""

CODE_NAME = "code"
"""What the digest of the program is called beside the versions."""

DIGITS = 16
"""Length of a digest, in hexadecimal digits."""

CLEAN_MEASURE = ("points", "seed", "chunk_size", "precision")
"""Keys of ``measure`` that the clean twin's training depends on: where its weights are kept, too.

Beside these it depends on the network with its learned factors, the task, the training
and the size of the batches.
"""

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
"""Where an object lies in memory, which is another place in each process."""

SAYS = ("name", "spec_version")
"""Keys that no number depends on."""

CHIPS = ("seeds", "max_seeds", "looks")
"""Keys of ``training`` that say how many chips there are, and change none."""

JUDGES = ("targets",)
"""Sections that judge finished numbers and change none."""


@dataclass(frozen=True)
class Surroundings:
    """Where a number is computed.

    Attributes:
        versions: Of Python and the libraries, by name.
        code: Digest of the program (``code_digest``).
        device: Kind of device, ``cpu`` or ``cuda``.
    """

    versions: dict[str, str]
    code: str
    device: str

    @classmethod
    def of(cls, device: torch.device | str) -> Self:
        """Those of this process."""
        return cls(versions(), code_digest(), torch.device(device).type)

    def difference(self, other: Surroundings) -> tuple[str, str, str] | None:
        """The name and both values of the first thing in which two differ, None where in none."""
        mine, its = ({**each.versions, CODE_NAME: each.code} for each in (self, other))
        for name in mine:
            if mine[name] != its.get(name):
                return name, mine[name], str(its.get(name))
        return None


def digest_of(value: Any) -> str:
    """A name for a value of JSON types, the same for equal ones."""
    return hashlib.sha256(to_json(value).encode()).hexdigest()[:DIGITS]


class Identity:
    """Base of all tasks; each is a frozen dataclass of JSON types."""

    @cached_property
    def digest(self) -> str:
        """The same for tasks that depend on the same; a name for files."""
        return digest_of({type(self).__name__: asdict(cast(Any, self))})


@dataclass(frozen=True)
class CleanTask(Identity):
    """The clean twin of a spec, which specs with other devices, rules or targets share.

    Attributes:
        keys: The keys of the spec that matter.
        surroundings: Where it is trained.
        data: Content of the data (``data_fingerprint``), None where the spec alone is compared.
        start: Content of the file of start weights, None where they are drawn.
        network: Content of the file of the network, None where keys or a program say it.
    """

    keys: Mapping[str, Any]
    surroundings: Surroundings
    data: str | None = None
    start: str | None = None
    network: str | None = None

    @classmethod
    def of(cls, spec: Spec, device: torch.device | str, data: str | None = None) -> Self:
        """That of a spec, in its quick version if that is trained.

        Args:
            spec: The spec.
            device: Where the training computes.
            data: Fingerprint of the data.
        """
        full = spec_to_dict(spec)
        keys = {
            "network": full["network"],
            "task": full["task"],
            "batch_size": full["learning_rule"]["batch_size"],
            "training": _without(full["training"], *CHIPS),
            "measure": {key: full["measure"][key] for key in CLEAN_MEASURE},
        }
        if spec.output_scales:
            keys["output_scales"] = spec.output_scales
        files = start_fingerprint(spec), network_fingerprint(spec)
        return cls(keys, Surroundings.of(device), data, *files)

    def on(self, data: str) -> Self:
        """The same on data whose content is known."""
        return replace(self, data=data)


@dataclass(frozen=True)
class ChipTask(Identity):
    """Everything about the chips of a spec but the verdict; each chip is numbered.

    Its name, its targets and the number of chips may change: finished trainings stay.

    Attributes:
        clean: The clean twin beside it.
        keys: The keys of the spec that matter.
        table: Content of a measured device's file (``table_fingerprint``), None without one.
        quick: Whether curvature is looked at less closely.
    """

    clean: CleanTask
    keys: Mapping[str, Any]
    table: str | None
    quick: bool

    @classmethod
    def of(cls, spec: Spec, device: torch.device | str, data: str, *, quick: bool = False) -> Self:
        """That of a spec on data with a fingerprint, given where it is computed."""
        full = _without(spec_to_dict(spec), *SAYS, *JUDGES)
        keys = {**full, "training": _without(full["training"], *CHIPS)}
        return cls(CleanTask.of(spec, device, data), keys, table_fingerprint(spec), quick)


@dataclass(frozen=True)
class VerdictTask(Identity):
    """The verdict of a spec with its numbers.

    Attributes:
        chip: The chips that are judged.
        chips: How many there are, by the keys of ``CHIPS``.
        judges: The sections that judge them.
        mode: What is done for the verdict: train, check, predict.
    """

    chip: ChipTask
    chips: Mapping[str, Any]
    judges: Mapping[str, Any]
    mode: str

    @classmethod
    def of(cls, chip: ChipTask, spec: Spec, mode: str) -> Self:
        """That of a spec whose chips are known."""
        full = spec_to_dict(spec)
        judges = {name: full[name] for name in JUDGES}
        chips = {name: full["training"][name] for name in CHIPS}
        return cls(chip, chips, judges, mode)


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    here = {"python": platform.python_version(), "neurograd": neurograd.__version__}
    return {**here, **{name: _version(package) for name, package in LIBRARIES.items()}}


@cache  # reading a package's metadata takes milliseconds, and sweeps ask thousands of times
def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


@cache  # the program of a process does not change
def code_digest(packages: tuple[str, ...] = CODE) -> str:
    """Digest of the sources of packages, which the version number does not tell apart.

    Args:
        packages: Names of packages that can be imported.
    """
    places = ((name, Path(str(import_module(name).__file__)).parent) for name in packages)
    return digest_of_sources(dict(places))


def version_digest() -> str:
    """Digest of the program and of what it builds on, the same for all tasks of a version."""
    return digest_of([versions(), code_digest()])


def digest_of_sources(folders: Mapping[str, Path]) -> str:
    """Digest of the names and contents of all modules and presets.

    Args:
        folders: Where each package lies, by its name.
    """
    found = hashlib.sha256()
    for name, folder in folders.items():
        files = (path for kind in ("*.py", "*.yaml") for path in folder.rglob(kind))
        for path in sorted(files, key=lambda each: each.relative_to(folder).as_posix()):
            content = path.read_bytes()
            found.update(f"{name}/{path.relative_to(folder).as_posix()} {len(content)}\n".encode())
            found.update(content)
    return found.hexdigest()[:DIGITS]


def table_fingerprint(spec: Spec) -> str | None:
    """Digest of the files of measured devices, None where there are none."""
    devices = [view.device for view in spec.views().values()]
    tables = [each.measured for each in devices if each is not None and each.measured is not None]
    if not tables:
        return None
    found = hashlib.sha256()
    for table in dict.fromkeys(tables):
        for path in files_read(table):
            found.update(path.read_bytes())
    return found.hexdigest()


def start_fingerprint(spec: Spec) -> str | None:
    """Digest of the file of start weights, None where they are drawn.

    Raises:
        DataError: If it cannot be read.
    """
    return _file_fingerprint("network.weights", spec.network.weights)


def network_fingerprint(spec: Spec) -> str | None:
    """Digest of the file of the network, None where there is none.

    Raises:
        DataError: If it cannot be read.
    """
    return _file_fingerprint("network.file", spec.network.file)


def _file_fingerprint(key: str, path: str | None) -> str | None:
    if path is None:
        return None
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        raise DataError(f"{key}: {path}: cannot be read; allowed: a file") from None


def number_of_classes(problem: Problem) -> int:
    """As many as the training and test samples of a classification have: outputs of a network."""
    splits: tuple[Split, ...] = ("train", "test") if problem.has_test else ("train",)
    return max(int(problem.data(split)[1].max()) for split in splits) + 1


def data_used(spec: Spec, problem: Problem, digest: str) -> DataUsed:
    """What a report says of its data.

    Args:
        spec: The validated spec.
        problem: The spec's problem.
        digest: Fingerprint of its data (``data_fingerprint``).
    """
    inputs, _ = problem.data("train")
    return DataUsed(
        digest=digest,
        train_samples=problem.num_samples,
        test_samples=len(problem.data("test")[0]) if problem.has_test else 0,
        sample_shape=tuple(inputs.shape[1:]),
        classes=number_of_classes(problem) if problem.is_classification else None,
        start_weights=start_fingerprint(spec),
    )


def data_fingerprint(problem: Problem) -> str:
    """Digest of all samples of a problem, to the bit."""
    found = hashlib.sha256()
    samples = (*problem.data("train"), *(problem.data("test") if problem.has_test else ()))
    for tensor in samples:
        found.update(f"{tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def content_fingerprint(problem: Problem, data: str | None = None) -> str:
    """Digest of a problem: its samples, its network with all weights, its loss, the code of both.

    Args:
        problem: The problem.
        data: Fingerprint of its samples (``data_fingerprint``) where it is known.
    """
    shape = _ADDRESS.sub("", repr(problem.module))
    parts = (data or data_fingerprint(problem), shape, content_of(problem).digest)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _without(keys: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in keys.items() if key not in names}
