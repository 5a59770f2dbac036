"""Data sets that are embedded, made, or read from files that the user names."""

from neurograd.problem.datasets.catalogue import NAMES, load
from neurograd.problem.datasets.cifar10_files import cifar10
from neurograd.problem.datasets.dataset import Dataset
from neurograd.problem.datasets.handwritten_digits import digits
from neurograd.problem.datasets.image_folders import image_folder
from neurograd.problem.datasets.mnist_5000_images import mnist_5k
from neurograd.problem.datasets.mnist_files import mnist
from neurograd.problem.datasets.own_files import own_data
from neurograd.problem.datasets.splits import redraw_split, with_wrong_labels
from neurograd.problem.datasets.teacher import teacher_student
from neurograd.problem.datasets.yin_yang_disc import yin_yang

__all__ = [
    "NAMES",
    "Dataset",
    "cifar10",
    "digits",
    "image_folder",
    "load",
    "mnist",
    "mnist_5k",
    "own_data",
    "redraw_split",
    "teacher_student",
    "with_wrong_labels",
    "yin_yang",
]
