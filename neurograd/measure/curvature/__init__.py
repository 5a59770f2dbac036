"""Curvature of the loss: trace, diagonal, extreme eigenvalues, Frobenius norm, spectrum."""

from neurograd.measure.curvature.dense import dense_hessian
from neurograd.measure.curvature.layerwise import exact_diagonal, has_exact_diagonal
from neurograd.measure.curvature.spectrum import Spectrum, measure_spectrum
from neurograd.measure.curvature.trace import HessianTrace, hessian_trace

__all__ = [
    "HessianTrace",
    "Spectrum",
    "dense_hessian",
    "exact_diagonal",
    "has_exact_diagonal",
    "hessian_trace",
    "measure_spectrum",
]
