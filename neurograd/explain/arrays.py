"""What a chip's arrays clip, and what of its writes cancels, in sentences."""

from __future__ import annotations

from neurograd.measure.intervals import CONFIDENCE
from neurograd.records.point import ConvertedResult, PointResult
from neurograd.records.report import CheckReport
from neurograd.words import number, percent, ranged_number


def clipped(report: CheckReport) -> list[str]:
    """Which part of the values the converters clip, at the point where it is most; none for 0."""
    sentences = []
    for kind, values, key in (
        ("sums", "the sums that leave the arrays", "output_range"),
        ("inputs", "the values that enter the arrays", "input_range"),
    ):
        found = [(point, of) for point in report.points if (of := _of(point, kind)) is not None]
        if not found:
            continue
        point, most = max(found, key=lambda each: each[1].clipped)
        if most.clipped > 0:
            sentences.append(
                f"At step {point.step} the converters clip "
                f"{percent(most.clipped, significant=2)} of {values}: "
                f"device.converters.{key} is {number(most.range)}, the largest of them is "
                f"{number(most.largest)}."
            )
    return sentences


def _of(point: PointResult, kind: str) -> ConvertedResult | None:
    if point.conversion is None:
        return None
    return point.conversion.sums if kind == "sums" else point.conversion.inputs


def cancelled(report: CheckReport) -> list[str]:
    """How many more pulses it takes to write every sample for itself, where it takes most."""
    found = [(point, point.cancellation) for point in report.points if point.cancellation]
    known = [(point, each) for point, each in found if each.ratio is not None]
    if not known:
        return []
    point, most = max(known, key=lambda each: each[1].ratio or 0.0)
    times = ranged_number(most.ratio, most.ratio_ci, CONFIDENCE)
    return [
        f"At step {point.step} writing every sample for itself takes {times} times the pulses of "
        f"writing the sum over the {most.samples} samples of a batch: what cancels is written, too."
    ]
