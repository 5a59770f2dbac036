"""Start weights of a network from a file: .safetensors or .npz, never a pickle."""

from __future__ import annotations

import zipfile
from collections.abc import Container, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _NormBase

from device_models.scaled_layers import output_scales
from neurograd import words
from neurograd.errors import DataError
from neurograd.problem.datasets.own_files.arrays import DAMAGED

KINDS = ".safetensors, .npz"
_PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin")
_SHOWN = 6
"""Most names that a message lists."""

_LARGEST, _BESIDE = 16, 2**20
"""Bytes of the largest type of number, and what a file may hold beside the network's numbers."""


def start_from(module: torch.nn.Module, path: str | Path) -> None:
    """Put the arrays of a file in the place of a network's parameters and buffers.

    Each parameter needs an array of its name (that of ``module.state_dict()``) and shape; learned
    factors of layers and buffers, such as running means, may have theirs. Floating numbers of 16
    bits or more are converted to the network's type; others may be quantized, by a scale that no
    file has to hold. Batch normalization keeps the statistics of a file, with or without the
    count of batches that they are of.

    Args:
        module: The network, which is changed.
        path: The file.

    Raises:
        DataError: If it cannot be read, or its arrays are not those of the network.
    """
    place = f"network.weights: {path}"
    wanted = module.state_dict()
    arrays = _read(place, Path(path), wanted)
    factors = output_scales(module)
    needed = [name for name, _ in module.named_parameters() if name not in factors]
    missing = [name for name in needed if name not in arrays]
    strange = [name for name in arrays if name not in wanted]
    if missing or strange:
        lacks = [f"no {words.listed(_few(missing))}"] if missing else []
        has = [f"{words.listed(_few(strange))}, which the network has not"] if strange else []
        names = [f"{name} {tuple(wanted[name].shape)}" for name in needed]
        raise DataError(
            f"{place}: has {words.listed([*lacks, *has])}; allowed: {words.listed(_few(names))}"
        )
    for name in filter(arrays.__contains__, wanted):
        array = arrays[name]
        shape = tuple(wanted[name].shape)
        if tuple(array.shape) != shape:
            raise DataError(
                f"{place}: {name} has shape {tuple(array.shape)}; allowed: {shape}, as in the "
                "network"
            )
        if array.dtype.is_complex or not _is_finite(array, wanted[name].dtype):
            kind = str(wanted[name].dtype)[6:]
            raise DataError(
                f"{place}: {name} has values that are not finite; allowed: finite ones in {kind}"
            )
    with torch.no_grad():
        for name, array in arrays.items():
            wanted[name].copy_(array)
        _keep_statistics(module, arrays)


def _is_finite(array: Tensor, dtype: torch.dtype) -> bool:
    """Whether all values are finite, in the type of the network as well."""
    return all(bool(torch.isfinite(each).all()) for each in (array, array.to(dtype)))


def _keep_statistics(module: torch.nn.Module, names: Container[str]) -> None:
    """Count one batch where a file has statistics without their count: 0 says that there are none.

    Args:
        module: The network, which is changed.
        names: Names of the arrays of the file.
    """
    for name, norm in module.named_modules():
        if isinstance(norm, _NormBase) and norm.num_batches_tracked is not None:
            prefix = f"{name}." if name else ""
            given = {key for key, _ in norm.named_buffers(recurse=False) if prefix + key in names}
            if given and "num_batches_tracked" not in given:
                norm.num_batches_tracked.fill_(1)


def _few(names: list[str]) -> list[str]:
    rest = len(names) - _SHOWN
    return [*names[:_SHOWN], *([f"{rest} more"] if rest > 0 else [])]


def _read(place: str, path: Path, wanted: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """All arrays of a file by name, of one that unpacks to no more than the network's state."""
    kind = path.suffix.lower()
    if kind in _PICKLES:
        raise DataError(
            f"{place}: may be a pickle, which could run code; allowed: {KINDS} "
            "(safetensors.torch.save_file(network.state_dict(), 'start.safetensors'))"
        )
    if kind not in (".safetensors", ".npz"):
        raise DataError(f"{place}: is of no kind that can be read; allowed: {KINDS}")
    if not path.is_file():
        state = "is not a file" if path.exists() else "does not exist"
        raise DataError(f"{place}: {state}; allowed: a file (those in a spec are relative to it)")
    if kind == ".safetensors":
        return _safetensors(place, path, wanted)
    return _npz(place, path, wanted)


def _check_type(place: str, name: str, type_: str, floating: bool, wanted: Tensor | None) -> None:
    """Raise DataError for whole and small numbers where the network has floating ones.

    Args:
        place: What errors call the file.
        name: Name of an array.
        type_: Its type.
        floating: Whether that is of floating numbers with 16 bits or more.
        wanted: What it is for; None where the network has no such array.
    """
    if wanted is not None and wanted.is_floating_point() and not floating:
        raise DataError(
            f"{place}: {name} is of type {type_}; allowed: floating numbers of 16 bits or more "
            "(quantized ones times their scale)"
        )


def _npz(place: str, path: Path, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    numbers = sum(value.numel() for value in wanted.values())
    most = _LARGEST * numbers + _BESIDE
    try:
        with zipfile.ZipFile(path) as packed:
            # No more than an entry says is unpacked of it.
            size = sum(entry.file_size for entry in packed.infolist())
    except DAMAGED:
        raise DataError(f"{place}: is damaged; allowed: numbers in a .npz of numpy") from None
    if size > most:
        raise DataError(
            f"{place}: unpacks to {size:,} bytes; allowed: at most {most:,}, for a network of "
            f"{numbers:,} numbers"
        )
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except DAMAGED as error:
        reason = "holds Python objects" if "allow_pickle" in str(error) else "is damaged"
        raise DataError(f"{place}: {reason}; allowed: numbers in a .npz of numpy") from None
    for name, array in found.items():
        if not isinstance(array, np.ndarray):  # an archive of other files, such as torch.save's
            raise DataError(f"{place}: {name} is no array; allowed: numbers in a .npz of numpy")
        if array.dtype.kind not in "biuf":
            raise DataError(f"{place}: {name} is of type {array.dtype}; allowed: real numbers")
        kind = array.dtype.kind == "f"
        _check_type(place, name, str(array.dtype), kind, wanted.get(name))
    return {name: torch.from_numpy(_native(array)) for name, array in found.items()}


def _native(array: np.ndarray) -> np.ndarray:
    """A copy of a type that torch has: of any byte order and size, but not every integer's."""
    double = array.dtype.kind != "f" or array.dtype.itemsize > 8
    return np.array(array, np.float64 if double else array.dtype.newbyteorder("="))


def _safetensors(place: str, path: Path, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    from safetensors import SafetensorError  # noqa: PLC0415  (only for such files)
    from safetensors.torch import load_file  # noqa: PLC0415

    try:
        found: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError):
        raise DataError(f"{place}: is damaged; allowed: a file of safetensors") from None
    for name, array in found.items():
        kind = array.dtype.is_floating_point and array.dtype.itemsize > 1
        _check_type(place, name, str(array.dtype)[6:], kind, wanted.get(name))
    return found
