"""The whole matrix, cell by cell and level by level, with its record.

python -m tests.conformance            prints what it finds; 1 where something is off
python -m tests.conformance --record   writes tests/conformance/record.json, too
"""

from __future__ import annotations

import argparse
import json
import sys

from tests.conformance.levels import MEAN_OFF, VARIANCE_OFF
from tests.conformance.whole import HERE, record, whole


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance")
    parser.add_argument("--record", action="store_true", help="writes record.json")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    kept = record(whole(options.processes))
    if options.record:
        text = json.dumps(kept, indent=1, ensure_ascii=False)
        (HERE / "record.json").write_text(text + "\n", "utf-8")
    weak = kept["tests_that_find_less"]
    print(f"{kept['cells']} cells, {kept['tests']} tests, smallest p {kept['smallest_p']:.1e}")
    print(f"{len(weak)} tests find less than {MEAN_OFF:.0%} of a step or {VARIANCE_OFF:.0%}")
    for fault in kept["failed"]:
        print("FAILED", fault)
    return 1 if kept["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
