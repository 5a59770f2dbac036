"""Shares of effects, and when it is said that they would mean little."""

from __future__ import annotations

import pytest

from neurograd.records.json_form import report_from_json
from neurograd.report.content import contributions_sheet, mitigation_sheet
from tests.neurograd.small_report import small_report, with_guide

MIXED = "Some effects lower the cost and others raise it"


def _sheet(saves, ends, share):
    """The guide where the second effect saves what is given."""
    report = with_guide(small_report())
    report["mitigation"]["effects"][1].update(saves=saves, saves_ci=ends, share=share)
    if ends[1] < 0:  # as the guide has it: no shares at all
        report["mitigation"]["effects"][0]["share"] = None
    sheet = mitigation_sheet(report_from_json(report))
    return [column.title for column in sheet.columns], sheet


@pytest.mark.parametrize("saves", [0.0, -0.003])
def test_an_effect_that_is_not_known_to_help_has_a_share_of_nothing(saves):
    """Red where its missing share took away that of all others."""
    titles, sheet = _sheet(saves, [saves - 0.01, saves + 0.01], None)
    assert "share" in titles
    assert [row.share for row in sheet.rows] == ["", "75.0 %", "0.0 %", ""]
    assert MIXED not in sheet.note


def test_shares_are_left_out_where_an_effect_is_known_to_help():
    titles, sheet = _sheet(-0.03, [-0.05, -0.01], None)
    assert "share" not in titles
    assert MIXED in sheet.note


@pytest.mark.parametrize(
    ("whole", "without", "mixed"), [(0.0, (0.0, 0.0), False), (0.1, (0.05, 0.12), True)]
)
def test_effects_of_a_step_are_mixed_where_one_lowers_what_another_raises(whole, without, mixed):
    report = small_report()
    report["points"] = report["points"][:1]
    point = report["points"][0]
    point["delta_loss"]["predicted"] = whole
    point["contributions"] = [
        {"effect": f"e{k}", "label": f"e{k}", "predicted_without": each, "share": None}
        for k, each in enumerate(without)
    ]
    sheet = contributions_sheet(report_from_json(report))
    assert (MIXED in sheet.note) == mixed
    assert "share" not in [column.title for column in sheet.columns]
