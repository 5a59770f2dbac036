"""The guide to the effects of a chip that fails: what is predicted for it, in which order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import torch

from device_models import Chip
from neurograd.effects.effect import Effect
from neurograd.effects.layer_keys import layer_remedy
from neurograd.explain.guide import (
    ChipInWords,
    Guide,
    PredictedChips,
    certain_damage,
    judged_trials,
    measured_guide,
    with_trials,
)
from neurograd.explain.mitigation import recorded
from neurograd.explain.trials import Trial, Tried, trials_of, why_not
from neurograd.forecast.chip_end import forecast_passes
from neurograd.forecast.costs.updates import update_passes
from neurograd.judge.cost import Judgement
from neurograd.pipeline.build import active_effects, build_chip
from neurograd.pipeline.forecasting import allowed_by, baseline_of
from neurograd.pipeline.notes import off_path
from neurograd.pipeline.predicted.refused import CAUSED_BY_VALUES
from neurograd.pipeline.predicted.way import known_way, thrown_off
from neurograd.pipeline.stages import Stages
from neurograd.problem import Problem
from neurograd.records.mitigation import MitigationGuide
from neurograd.records.training import PredictedNetwork
from neurograd.spec import Spec

Submit = Callable[..., Future[Any]]
"""Runs a task on a worker, its time counted under a name."""

LITTLE_WORK = 2e12
"""Weights times passes of a sample, up to which a guide is made whatever the training costs.

Each is six multiplications and additions: some minutes of one core.
"""

TRIED = 2
"""Effects whose numbers are tried, those that cost most."""


def chip_in_words(spec: Spec, problem: Problem, learned: float | None = None) -> ChipInWords:
    """What sentences say of a spec's chip: its effects and what makes each of them smaller.

    Args:
        spec: The spec.
        problem: Its problem.
        learned: Largest |weight| of the clean network; None where it is not known.
    """
    effects = tuple(active_effects(spec, problem))
    window = "quantization" if spec.device is None else "device.conductance"
    return ChipInWords(
        effects=effects,
        remedies={
            effect.name: layer_remedy(effect, spec, problem.num_samples) for effect in effects
        },
        window_key=f"{window}.weight_range",
        window_holds=_holds(spec, problem, effects, learned),
    )


def _holds(spec: Spec, problem: Problem, effects: Sequence[Effect], learned: float | None) -> bool:
    """Whether a chip without any effect can hold every weight up to a size, of either sign."""
    ideal = build_chip(spec, problem, without=effects)
    if learned is None:
        return not ideal.writes
    both = (torch.full_like(problem.initial_weights, end) for end in (-learned, learned))
    return all(torch.equal(ideal.program(weights), weights) for weights in both)


def guide_to(
    chip: ChipInWords,
    stages: Stages,
    submit: Submit,
    forecasts: Sequence[PredictedNetwork],
    trained: Judgement,
    *,
    asked: bool = False,
) -> MitigationGuide:
    """Predict the chip without each effect, then with the numbers behind the worst ones changed.

    Where the forecast of the whole chip leaves open how much damage there is, nothing of this is
    begun: there is nothing that could be shared out. A single effect is left out all the same where
    the weight window may not hold what the clean network learns: what is left without it is known
    better than the chip, and may be all that training lost. Nor is anything begun where it would
    be more work than the training of the chips, and not a little, unless it was asked for.

    A chip that was drawn update by update is drawn without its effects and with other numbers as
    well: what a path is off by would be taken for the cost of an effect.

    Args:
        chip: The chip in words.
        stages: What predicts one network.
        submit: Runs a task.
        forecasts: The clean twin's forecast and those of the chips.
        trained: The verdict of training.
        asked: Whether the guide is made whatever it costs.
    """
    spec, problem = stages.spec, stages.problem
    drawn = [each.drawn for each in forecasts[1:]]

    def predicted(found: dict[str, list[PredictedNetwork]]) -> PredictedChips:
        return PredictedChips(
            baseline_of(problem), allowed_by(spec), forecasts[0], forecasts[1:], found
        )

    # On a worker, whose one core gives the same sums on every machine.
    certain = submit(
        "mitigation", lambda: certain_damage(predicted({}).judged(forecasts[1:]))
    ).result()
    compared = chip.compared if certain or len(chip.effects) == 1 else []
    work = guide_work(spec, problem, stages.chip, chip, len(drawn), drawn=sum(drawn))
    if not certain:
        work = replace(work, each=len(compared))
    not_begun = None if asked or not certain or work.is_little else work.in_words()
    begun = (certain or bool(compared)) and (asked or work.is_little)
    others = {
        variant.name: [
            submit("mitigation", stages.predicted_variant, variant, *each)
            for each in enumerate(drawn)
        ]
        for variant in (compared if begun else ())
    }
    networks = {name: [task.result() for task in each] for name, each in others.items()}
    found = submit(
        "mitigation", lambda: measured_guide(chip, predicted(networks), trained)
    ).result()
    if not_begun is not None:
        return recorded(replace(found, not_tried=not_begun, not_begun=not_begun))
    reason = why_not(spec, problem.num_samples)
    tried = [] if reason or not certain else _tried(stages, submit, found, predicted({}))
    guide = recorded(with_trials(found, tried, reason))
    if not begun:
        return guide
    off = submit("mitigation", off_path, spec, problem).result()
    off = off or thrown_off([*forecasts, *chain(*networks.values())])
    return _said_to_be_off(guide, off) if off else guide


def _said_to_be_off(guide: MitigationGuide, reason: str) -> MitigationGuide:
    said = f"Costs in this guide are predicted along paths, which may be off: {reason}."
    return guide.model_copy(update={"advice": (*guide.advice, said)})


@dataclass(frozen=True)
class GuideWork:
    """What a guide takes beside the training of the chips.

    Attributes:
        effects: How many the damage is shared out among.
        chips: Chips that are trained and predicted.
        each: Chips that are predicted in the place of each of them, at most.
        forecast: One of these, in passes of one sample; the mean over chips.
        training: The training of a chip, likewise.
        num_parameters: N.
    """

    effects: int
    chips: int
    each: int
    forecast: float
    training: float
    num_parameters: int

    @property
    def is_little(self) -> bool:
        """Whether the guide is made without being asked for."""
        work = self.each * self.forecast
        if work <= self.training:
            return True
        return self.chips * work * self.num_parameters <= LITTLE_WORK

    def in_words(self) -> str:
        """Why it is not begun, in a sentence."""
        among = f"{self.effects} effects" if self.effects > 1 else "an effect and the weight window"
        return (
            f"Sharing the damage out among {among} takes "
            f"{self.chips * self.each} forecasts, about "
            f"{self.each * self.forecast / self.training:.2g} times the work of training the "
            "chips: it was not begun (check --mitigation makes it)."
        )


def guide_work(
    spec: Spec,
    problem: Problem,
    chip: Chip,
    told: ChipInWords,
    chips: int,
    *,
    drawn: int = 0,
) -> GuideWork:
    """What a guide to a chip takes.

    Args:
        spec: The spec.
        problem: Its problem.
        chip: Its chip.
        told: The chip in words.
        chips: Chips that are trained and predicted.
        drawn: How many of them were drawn update by update whatever way forecasts of the spec take.
    """
    samples, steps = problem.num_samples, spec.count_updates(problem.num_samples)
    effects = told.effects
    tried = 0 if why_not(spec, samples) else len(trials_of(spec, samples, effects[:TRIED]))
    training = steps * update_passes(problem, chip)
    of_drawn = drawn * forecast_passes(problem, chip, steps, "every_update")
    path, regime = known_way(problem, chip, steps)
    way = path if regime is None else "every_update"
    of_others = (chips - drawn) * forecast_passes(problem, chip, steps, way)
    return GuideWork(
        effects=len(effects),
        chips=chips,
        each=len(told.compared) + tried,
        forecast=(of_drawn + of_others) / chips,
        training=training,
        num_parameters=problem.num_parameters,
    )


def _tried(stages: Stages, submit: Submit, found: Guide, predicted: PredictedChips) -> list[Tried]:
    effects = found.worst[:TRIED] if found.parts else list(found.chip.effects)
    trials = trials_of(stages.spec, stages.problem.num_samples, effects)
    drawn = [chip.drawn for chip in predicted.chips]
    asked: list[tuple[Trial, list[Future[Any]]]] = [
        (trial, [submit("mitigation", _one, stages, trial, k, *each) for each in enumerate(drawn)])
        for k, trial in enumerate(trials)
    ]
    networks = [(trial, [task.result() for task in tasks]) for trial, tasks in asked]
    # What a rule or the spec refuses at this value is no advice.
    kept = [(trial, each) for trial, each in networks if None not in each]
    tried: list[Tried] = submit("mitigation", judged_trials, predicted, kept).result()
    return tried


def _one(
    stages: Stages, trial: Trial, number: int, index: int, drawn: bool
) -> PredictedNetwork | None:
    try:
        return stages.predicted_change(f"tried-{number}", trial.settings, index, drawn)
    except CAUSED_BY_VALUES:
        return None
