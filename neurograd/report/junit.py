"""The report as JUnit XML, which every service for continuous integration reads.

One test case a claim (``neurograd.report.content.claims``): ``failure`` where it fails, ``error``
where a verdict is undecided, ``skipped`` where an agreement is not known.
"""

from __future__ import annotations

import re
from collections import Counter
from xml.etree import ElementTree

from neurograd.records.report import CheckReport
from neurograd.report.content.claims import Claim, Outcome, claims
from neurograd.report.content.facts import facts

_RESULTS = {Outcome.FAILS: "failure", Outcome.UNDECIDED: "error", Outcome.UNKNOWN: "skipped"}

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 has no form for, whatever is escaped."""


def render_junit(report: CheckReport) -> str:
    """The report as the text of a JUnit XML file.

    Args:
        report: What was found.
    """
    name = _text(f"neurograd {report.kind}: {report.design.name}")
    found = claims(report)
    counts = Counter(claim.outcome for claim in found)
    totals = {
        "name": name,
        "tests": str(len(found)),
        "failures": str(counts[Outcome.FAILS]),
        "errors": str(counts[Outcome.UNDECIDED]),
        "skipped": str(counts[Outcome.UNKNOWN]),
        "time": f"{report.timing.get('total_seconds', 0.0):.3f}",
    }
    root = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(root, "testsuite", totals)
    properties = ElementTree.SubElement(suite, "properties")
    for fact in facts(report):
        ElementTree.SubElement(
            properties, "property", {"name": fact.label, "value": _text(fact.text)}
        )
    for claim in found:
        suite.append(_case(claim, name))
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _case(claim: Claim, classname: str) -> ElementTree.Element:
    case = ElementTree.Element("testcase", {"name": claim.name, "classname": classname})
    result = _RESULTS.get(claim.outcome)
    text = _text(claim.text)
    if result is None:
        ElementTree.SubElement(case, "system-out").text = text
    else:
        attributes = {"message": text}
        if result != "skipped":
            attributes["type"] = claim.outcome.value
        ElementTree.SubElement(case, result, attributes)
    return case


def _text(text: str) -> str:
    return _NOT_IN_XML.sub("\ufffd", text)
