"""What the kinks that a step crosses cost: closed form, draws, and their place in Eq. 3."""

from neurograd.measure.kinks.closed_form import (
    RandomStep,
    closed_form_kinks,
    has_closed_form_kinks,
)
from neurograd.measure.kinks.passes import Places, kinks_of_steps, sampled_kinks
from neurograd.measure.kinks.term import KinkTerm, measure_kinks, variant_kinks
from neurograd.measure.kinks.unseen import unknown_kinks

__all__ = [
    "KinkTerm",
    "Places",
    "RandomStep",
    "closed_form_kinks",
    "has_closed_form_kinks",
    "kinks_of_steps",
    "measure_kinks",
    "sampled_kinks",
    "unknown_kinks",
    "variant_kinks",
]
