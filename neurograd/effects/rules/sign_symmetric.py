"""Sign-symmetric feedback: the backward pass goes through the signs of the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neurograd.effects.rules.rule import Rule

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly


def _build(parts: Assembly) -> None:
    from device_models import SignSymmetric  # noqa: PLC0415  (needs torch)

    parts.rule = SignSymmetric()


EFFECT = Rule(
    name="sign_symmetric", label="sign-symmetric feedback", order=60, build=_build, on_layers=True
)
