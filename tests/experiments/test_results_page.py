"""The page of results: a pure function of the records, and the kept page is made from the kept."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from experiments.results_page import PAGE, Record, main, order, page, read_records
from experiments.support.record import ROOT
from neurograd.errors import NeurogradError

CLAIM = {
    "claim": "Noise | bias.",
    "source": "Theorem 3.1 (Eq. 7)",
    "setting": "a_b network",
    "measured": "1.0 (0.9 to 1.1)\nat 99 %",
    "held": "held",
}


def record(name: str = "fig7", **changes: str) -> dict:
    return {
        "experiment": name,
        "command": f"python -m experiments.{name} --seed 0",
        "claims": [{**CLAIM, **changes}],
    }


def test_the_kept_page_is_made_from_the_kept_records():
    assert PAGE.read_text(encoding="utf-8") == page(read_records())


def test_a_row_a_claim_with_its_figure(tmp_path):
    (tmp_path / "fig7.json").write_text(json.dumps(record()))
    (tmp_path / "fig7.png").write_bytes(b"")
    (tmp_path / "other.json").write_text(json.dumps(record("other", held="not held")))
    (tmp_path / "old.json").write_text(json.dumps({"experiment": "old"}))
    text = page(read_records(tmp_path))
    assert "2 claims, 1 held, 1 not held." in text
    assert (
        "| Noise \\| bias. *Theorem 3.1 (Eq. 7)* | a\\_b network | 1.0 (0.9 to 1.1) at 99 % | "
        "**held** | [fig7](../experiments/results/fig7.png) |" in text
    )
    assert "**not held** | [json](../experiments/results/other.json) |" in text
    assert "- `python -m experiments.fig7 --seed 0`" in text
    assert "old" not in text


def test_figures_come_first_then_theorems_then_the_appendix():
    sources = [
        "Figure 3A–C, Section 2.1",
        "Theorem 2.4, Figure 4A",
        "Theorem 2.4, Figure 4B",
        "Figure 10",
        "Lemma 2.1, Eq. 3",
        "Theorem 2.2 (Eq. 4)",
        "Theorem 3.1 (Eq. 7)",
        "Corollary A.2",
        "Section 2.1",
    ]
    turned = list(reversed(sources))
    assert sorted(turned, key=order) == sources


def test_the_order_of_the_records_does_not_matter():
    a = Record("a", "python -m experiments.a", (CLAIM,), True)
    b = Record("b", "python -m experiments.b", ({**CLAIM, "source": "Figure 1"},), False)
    text = page([a, b])
    assert text == page([b, a])
    assert text.index("*Figure 1*") < text.index("*Theorem 3.1")


@pytest.mark.parametrize(
    "content",
    ["{", json.dumps(record(held="perhaps")), json.dumps({"claims": [{"claim": "x"}]})],
)
def test_damaged_records_are_named(tmp_path, content):
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(NeurogradError, match=r"bad\.json"):
        read_records(tmp_path)
    with pytest.raises(NeurogradError, match="not a folder"):
        read_records(tmp_path / "nowhere")


def test_the_command(tmp_path):
    (tmp_path / "fig7.json").write_text(json.dumps(record()))
    main(["--results", str(tmp_path), "--out", str(tmp_path / "page.md")])
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == page(read_records(tmp_path))
    nowhere = tmp_path / "nowhere"
    command = [sys.executable, "-m", "experiments.results_page", "--results", str(nowhere)]
    failed = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT.parent)
    assert failed.returncode == 2
    assert failed.stderr == f"error: {nowhere}: is not a folder; allowed: a folder of results\n"
