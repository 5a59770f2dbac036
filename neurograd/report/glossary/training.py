"""Terms of training and the verdict."""

from __future__ import annotations

from neurograd.report.glossary.term import GHOSH, HERE, Term

TRAINING: tuple[Term, ...] = (
    Term(
        "clean",
        "clean",
        "Clean twin",
        "The same network, data and steps on ideal hardware with exact gradients: what a "
        "chip is compared with.",
        "",
        HERE,
    ),
    Term(
        "cost",
        "",
        "Accuracy drop",
        "Test accuracy of the clean twin minus that of the trained chips. It decides the "
        "verdict; its interval covers chips and test samples.",
        "part of the test samples",
        HERE,
    ),
    Term(
        "lost_decrease",
        "",
        "Lost decrease of the loss",
        "For regression, in place of the accuracy drop: the part of the clean twin's "
        "decrease of the loss that the chips lose.",
        "part of the decrease",
        HERE,
    ),
    Term(
        "bound",
        "",
        "One-sided bound",
        "The true cost is above the lower and below the upper one, each at the confidence that "
        "the targets ask for, for all looks at the chips together. The verdict rests on them.",
        "as the cost",
        HERE,
    ),
    Term(
        "excess_loss",
        "",
        "Excess loss",
        "Training loss of the chips minus that of the clean twin, after the last step.",
        "loss",
        f"{GHOSH}, Corollary A.2 for one minimum",
    ),
    Term(
        "verdict",
        "",
        "Verdict",
        "Tolerated if the upper one-sided bound of the cost is within the target, not tolerated if "
        "the lower one is outside, inconclusive if the target is between them or nothing was "
        "learned.",
        "",
        HERE,
    ),
    Term(
        "forecast",
        "",
        "Forecast",
        "Prediction of a whole training from moments and curvature, without a step through "
        "the chip.",
        "",
        "docs/forecast.md",
    ),
    Term(
        "loss_floor",
        "",
        "Loss floor",
        "Excess loss that noise and bias keep up however long the training goes on.",
        "loss",
        "theory.loss_floor",
    ),
    Term(
        "saves",
        "saves",
        "Saving",
        "What leaving an effect out takes from the cost of the whole chip; below 0 for an effect "
        "that helps.",
        "as the cost",
        HERE,
    ),
    Term(
        "share",
        "share",
        "Share",
        "Part of the cost that leaving an effect out saves. Shares of effects that act "
        "together or overlap do not sum to 100 %.",
        "part of the cost",
        HERE,
    ),
)
