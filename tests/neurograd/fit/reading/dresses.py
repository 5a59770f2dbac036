"""One measurement written down in the ways that people and instruments write it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

UNITS = {
    "S": ("conductance", 1.0),
    "uS": ("conductance", 1e-6),
    "µS": ("conductance", 1e-6),
    "nS": ("conductance", 1e-9),
    "Ohm": ("resistance", 1.0),
    "kΩ": ("resistance", 1e3),
    "MOhm": ("resistance", 1e6),
    "A": ("current", 1.0),
    "uA": ("current", 1e-6),
    "µA": ("current", 1e-6),
}
READ_VOLTAGE = 0.2
PREAMBLES = {
    "none": [],
    "comment": ["# device A3, 25 C"],
    "instrument": ["Instrument{s}4200A-SCS", "Operator{s}", "T (K){s}298", ""],
}
AXES = ("pulse from 0", "pulse from 1", "time", "none")


def curves(up, down, cycles, noise, seed):
    """Conductances in siemens: a list of (up, down) for every cycle."""
    generator = np.random.default_rng(seed)
    rise = 4e-6 + 52e-6 * (1 - np.exp(-2.0 * np.arange(up) / (up - 1))) / (1 - np.exp(-2.0))
    fall = 56e-6 - 52e-6 * (1 - np.exp(-2.0 * np.arange(down) / (down - 1))) / (1 - np.exp(-2.0))
    return [
        tuple(each + noise * 52e-6 * generator.standard_normal(len(each)) for each in (rise, fall))
        for _ in range(cycles)
    ]


@dataclass(frozen=True)
class Dress:
    """How a measurement is written."""

    separator: str = ","
    decimal: str = "."
    unit: str = "S"
    preamble: str = "none"
    axis: str = "pulse from 0"
    names: tuple[str, str] = ("potentiation", "depression")
    layout: str = "one after another"
    encoding: str = "utf-8"
    ending: str = "\n"
    remark: bool = False
    order: tuple[int, ...] = field(default=(0, 1, 2, 3))
    upside_down: bool = False

    def number(self, value):
        if value is None:
            return ""
        text = f"{value:.9e}" if isinstance(value, float) else str(value)
        return text.replace(".", self.decimal)

    def value(self, conductance):
        quantity, factor = UNITS[self.unit]
        if quantity == "resistance":
            return float(1.0 / conductance / factor)
        return float(conductance * (READ_VOLTAGE if quantity == "current" else 1.0) / factor)

    def head(self, name):
        return f"{name} ({self.unit})"

    def file(self, cycles):
        """The bytes of a file with all cycles."""
        above = [line.replace("{s}", self.separator) for line in PREAMBLES[self.preamble]]
        if UNITS[self.unit][0] == "current":
            above.append(f"V_read (V){self.separator}{self.number(READ_VOLTAGE)}")
        rows = getattr(self, "_" + self.layout.replace(" ", "_"))(cycles)
        if self.remark:
            rows = [[*row, "Remark" if k == 0 else "ok"] for k, row in enumerate(rows)]
        lines = above + [self.separator.join(row) for row in rows]
        return (self.ending.join(lines) + self.ending).encode(self.encoding)

    def _columns(self, up, down):
        """Axis and values of a cycle, the shorter column blank at its end."""
        rows = []
        for k in range(max(len(up), len(down))):
            place = {"pulse from 0": k, "pulse from 1": k + 1, "time": 0.25 * k, "none": None}
            values = [
                self.value(each[k]) if k < len(each) else None
                for each in (up, down)
            ]  # fmt: skip
            rows.append([self.number(each) for each in (place[self.axis], *values)])
        return rows

    def _ordered(self, heads, rows):
        places = [p for p in self.order if p < len(heads)]
        places = [p for p in places if not (p == 0 and self.axis == "none")]
        return [[row[p] for p in places] for row in [heads, *rows]]

    def _heads(self):
        axis = "Time [s]" if self.axis == "time" else "Pulse"
        return [axis, *(self.head(name) for name in self.names)]

    def _one_after_another(self, cycles):
        rows = [row for up, down in cycles for row in self._columns(up, down)]
        if self.upside_down and len(cycles) == 1 and self.axis != "none":
            rows.reverse()
        return self._ordered(self._heads(), rows)

    def _side_by_side(self, cycles):
        heads, rows = [self._heads()[0]], None
        for k, (up, down) in enumerate(cycles, 1):
            heads += [self.head(f"{name} {k}") for name in self.names]
            own = self._columns(up, down)
            rows = own if rows is None else [a + b[1:] for a, b in zip(rows, own, strict=True)]
        keep = slice(1 if self.axis == "none" else 0, None)
        return [row[keep] for row in [heads, *rows]]

    def _own_axes(self, cycles):
        ((up, down),) = cycles
        heads = ["Time_LTP [s]", self.head("G_LTP"), "Time_LTD [s]", self.head("G_LTD")]
        rows = []
        for k in range(max(len(up), len(down))):
            row = []
            for each, step in ((up, 0.25), (down, 0.3)):
                there = k < len(each)
                row += [step * k, self.value(each[k])] if there else [None, None]
            rows.append([self.number(each) for each in row])
        return [heads, *rows]

    def _labelled_trace(self, cycles):
        rows = [["Cycle", "Direction", self.head("G")]]
        for k, cycle in enumerate(cycles, 1):
            for name, values in zip(("LTP", "LTD"), cycle, strict=True):
                rows += [[str(k), name, self.number(self.value(each))] for each in values]
        return rows


@st.composite
def dresses(draw, layouts=("one after another", "side by side", "own axes", "labelled trace")):
    """Any way of writing that keeps the measurement whole."""
    decimal = draw(st.sampled_from([".", ","]))
    separators = ["\t", ";"] if decimal == "," else [",", ";", "\t"]
    unit = draw(st.sampled_from(sorted(UNITS)))
    encodings = ["utf-8", "utf-8-sig", "utf-16"] + ["latin-1"] * ("Ω" not in unit)
    return Dress(
        separator=draw(st.sampled_from(separators)),
        decimal=decimal,
        unit=unit,
        preamble=draw(st.sampled_from(sorted(PREAMBLES))),
        axis=draw(st.sampled_from(AXES)),
        names=draw(st.sampled_from([("potentiation", "depression"), ("LTP", "LTD"),
                                    ("SET", "RESET"), ("Current up", "Current down"),
                                    ("G_inc", "G_dec")])),
        layout=draw(st.sampled_from(layouts)),
        encoding=draw(st.sampled_from(encodings)),
        ending=draw(st.sampled_from(["\n", "\r\n"])),
        remark=draw(st.booleans()),
        order=draw(st.permutations([0, 1, 2]).map(tuple)),
        upside_down=draw(st.booleans()),
    )  # fmt: skip
