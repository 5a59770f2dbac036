"""A crossbar solved node by node, by Kirchhoff's current law at every crossing."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import splu


class ResistorNetwork:
    """Two nodes a crossing: one on the input line, one on the output line.

    Input line i begins at a driver before output line 0; output line l ends in an amplifier behind
    the last input line.
    """

    def __init__(self, conductance, wire_ratio):
        """Devices in units of the largest conductance, a row an output line."""
        self.lines, self.inputs = conductance.shape
        self.segment = 1.0 / wire_ratio
        self._rows, self._columns, self._values = [], [], []
        for line in range(self.lines):
            for i in range(self.inputs):
                top, bottom = self._node(0, line, i), self._node(1, line, i)
                self._join(top, bottom, conductance[line, i])
                if line == 0:
                    self._stamp(top, top, self.segment)
                else:
                    self._join(top, self._node(0, line - 1, i), self.segment)
                if i == self.inputs - 1:
                    self._stamp(bottom, bottom, self.segment)
                else:
                    self._join(bottom, self._node(1, line, i + 1), self.segment)
        size = 2 * self.lines * self.inputs
        places = (self._rows, self._columns)
        self._solved = splu(coo_matrix((self._values, places), shape=(size, size)).tocsc())
        self._size = size

    def forward(self):
        """Current into every amplifier for a unit voltage at every driver, ``(lines, inputs)``."""
        result = np.zeros((self.lines, self.inputs))
        for i in range(self.inputs):
            v = self._voltages(self._node(0, 0, i))
            for line in range(self.lines):
                result[line, i] = self.segment * v[self._node(1, line, self.inputs - 1)]
        return result

    def backward(self):
        """Current into every driver for a unit voltage at every amplifier, ``(lines, inputs)``."""
        result = np.zeros((self.lines, self.inputs))
        for line in range(self.lines):
            v = self._voltages(self._node(1, line, self.inputs - 1))
            for i in range(self.inputs):
                result[line, i] = self.segment * v[self._node(0, 0, i)]
        return result

    def _voltages(self, end):
        source = np.zeros(self._size)
        source[end] = self.segment
        return self._solved.solve(source)

    def _node(self, layer, line, i):
        return (layer * self.lines + line) * self.inputs + i

    def _stamp(self, row, column, value):
        self._rows.append(row)
        self._columns.append(column)
        self._values.append(value)

    def _join(self, a, b, conductance):
        for row, column, sign in ((a, a, 1), (b, b, 1), (a, b, -1), (b, a, -1)):
            self._stamp(row, column, sign * conductance)


def seen_by_passes(plus, minus, wire_ratio, direction="forward"):
    """Difference of the currents of two lines side by side, ``(outputs, inputs)``."""
    lines = np.zeros((2 * len(plus), plus.shape[1]))
    lines[0::2], lines[1::2] = plus, minus
    currents = getattr(ResistorNetwork(lines, wire_ratio), direction)()
    return currents[0::2] - currents[1::2]
