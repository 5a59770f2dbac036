"""The presets that kept records were judged on."""

from __future__ import annotations

JUDGED_PRESETS = (
    "ag-asi",
    "alox-hfo2",
    "capacitor",
    "ecram-li",
    "ecram-mo",
    "epiram",
    "gokmen-vlasov",
    "idealized",
    "pcm",
    "pcmo",
    "reram-array-hfo2",
    "reram-array-om",
    "reram-es",
    "reram-sb",
    "taox-tiox",
)
"""Another one would change what every commit draws, and the networks and rules of all chips."""
