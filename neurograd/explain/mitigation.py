"""What to change in a chip that fails: the guide to its effects as the report has it."""

from __future__ import annotations

from neurograd.explain.advice import advice, first_change
from neurograd.explain.guide import ChipInWords, Guide, Part
from neurograd.explain.trials import Tried
from neurograd.judge.prediction_error import sign_known
from neurograd.records.cost import VariantCost
from neurograd.records.mitigation import EffectCost, MitigationGuide, Together, TriedChange


def recorded(found: Guide) -> MitigationGuide:
    """A guide as the report has it, with its sentences."""
    together = found.together
    return MitigationGuide(
        kind=found.whole.kind,
        allowed=found.whole.allowed,
        confidence=found.whole.cost.confidence,
        whole=VariantCost.of(found.whole),
        ideal=None if found.ideal is None else VariantCost.of(found.ideal),
        effects=tuple(_effect(found.chip, part) for part in found.parts),
        together=None if together is None else Together(value=together.value, ci=together.ci),
        tried=tuple(_tried(each) for each in found.tried),
        not_tried=found.not_tried,
        advice=tuple(advice(found)),
        first_change=first_change(found),
    )


def _tried(found: Tried) -> TriedChange:
    trial = found.trial
    return TriedChange(
        effect=trial.effect.name,
        label=trial.label,
        key=trial.key,
        settings=trial.settings,
        now=trial.now,
        value=trial.value,
        cost=VariantCost.of(found.judged),
        saves=found.saves.value,
        saves_ci=found.saves.ci,
    )


def _effect(chip: ChipInWords, part: Part) -> EffectCost:
    return EffectCost(
        effect=part.effect.name,
        label=part.effect.label,
        key=chip.remedies[part.effect.name].key,
        without=VariantCost.of(part.without),
        alone=VariantCost.of(part.alone),
        saves=part.saves.value,
        saves_ci=part.saves.ci,
        share=part.share,
        saves_known=sign_known(part.saves),
    )
