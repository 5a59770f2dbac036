"""Data sets that are embedded, made, or read from a folder that the user names."""

from neurograd.problem.datasets.catalogue import NAMES, load
from neurograd.problem.datasets.cifar10_files import cifar10
from neurograd.problem.datasets.dataset import Dataset
from neurograd.problem.datasets.handwritten_digits import digits
from neurograd.problem.datasets.mnist_files import mnist
from neurograd.problem.datasets.splits import redraw_split, with_wrong_labels
from neurograd.problem.datasets.teacher import teacher_student

__all__ = [
    "NAMES",
    "Dataset",
    "cifar10",
    "digits",
    "load",
    "mnist",
    "redraw_split",
    "teacher_student",
    "with_wrong_labels",
]
