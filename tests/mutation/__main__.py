"""Mutants of the modules that make the numbers, run against their tests.

    python -m tests.mutation map [FOLDER ...]   which test runs which line (kept in out/mutation)
    python -m tests.mutation run                draws mutants, runs each against its lines' tests
    python -m tests.mutation record             writes tests/mutation/record.json

A mutant is caught if a test fails, if its module cannot be imported, or if it takes more than three
times what its tests take under coverage, and ten seconds (counted apart in the record). The draw
takes the mutants of the lowest hash of seed, module, function and change: it stays where other
modules change. What a run has found is kept by the module's text, so that a run that was stopped
goes on.

Of the conformance tests, those of single parts are taken (every rule, read and write is in them):
the cells, in which parts meet, take several times as long and run the same lines.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess

from tests.mutation.child import ROOT, preload, run
from tests.mutation.coverage_map import Tests, merged, traced
from tests.mutation.operators import Mutant, mutants, mutated
from tests.mutation.record import write

MUTATED = (
    "neurograd/theory",
    "neurograd/judge",
    "neurograd/measure",
    "device_models/write",
    "device_models/rules",
)

TESTED = (
    "tests/neurograd/theory",
    "tests/neurograd/judge",
    "tests/neurograd/measure",
    "tests/neurograd/forecast",
    "tests/device_models/write",
    "tests/device_models/rules",
    "tests/device_models/updates",
    "tests/device_models/test_chip.py",
    "tests/device_models/test_moments.py",
    "tests/conformance/test_reads_and_writes.py",
    "tests/conformance/test_rules.py",
)

SLOW = "test_a_point_of_a_noisy_chip or atan or fast_sigmoid"
"""Tests that take longer than a mutant may: others of their kind run the same lines."""

OUT = ROOT / "out" / "mutation"


def sources() -> dict[str, str]:
    """Texts of the mutated modules by their paths."""
    paths = sorted(path for top in MUTATED for path in (ROOT / top).rglob("*.py"))
    return {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in paths}


def drawn(count: int, seed: int) -> list[Mutant]:
    """Mutants drawn from all by a seed."""
    every = [each for path, text in sources().items() for each in mutants(path, text)]
    return sorted(every, key=lambda each: each.rank(seed))[:count]


def map_tests(folders: list[str], left_out: str) -> None:
    """Makes the map of some folders of tests anew."""
    OUT.mkdir(parents=True, exist_ok=True)
    preload()
    for folder in folders or TESTED:
        passed = traced(
            [folder, "-k", f"not ({left_out})"], OUT / f"map-{folder.replace('/', '+')}.json", 1500
        )
        print(folder, "passed" if passed else "FAILED", flush=True)


def run_mutants(
    count: int, seed: int, most: float, only: set[str], *, again: bool, backwards: bool
) -> None:
    """Runs those of the draw that no run has run yet; ``again`` those that survived, too."""
    tests = merged(sorted(OUT.glob("map-*.json")))
    preload()
    (OUT / "results").mkdir(exist_ok=True)
    texts, found = sources(), kept()
    order = drawn(count, seed)
    for k, mutant in enumerate(order[::-1] if backwards else order):
        text = digest(texts[mutant.module])
        before = found.get(mutant.key)
        done = before is not None and before["text"] == text
        if done and not (again and before["how"] == "passed"):
            continue
        if only and not any(mutant.key == name or mutant.module.startswith(name) for name in only):
            continue
        if (OUT / "results" / f"{mutant.key}.json").exists() and not done and before is None:
            continue  # another process has run it
        result = _run(mutant, texts[mutant.module], tests, most) | {"text": text}
        found[mutant.key] = result
        (OUT / "results" / f"{mutant.key}.json").write_text(json.dumps(result))
        print(k, mutant.key, result["how"], f"{result['seconds']:.1f}", mutant.module, flush=True)


def _run(mutant: Mutant, text: str, tests: Tests, most: float) -> dict[str, object]:
    names = tests.of(mutant.module, *mutant.lines, most)
    usual = sum(tests.seconds[name] for name in names)
    if not names:
        return {"how": "passed", "seconds": 0.0, "tests": 0, "commit": commit()}
    change = (mutant.module, mutated(text, mutant))
    end = run(names, int(3 * usual + 10), change)
    return {"how": end.how, "seconds": end.seconds, "tests": len(names), "commit": commit()}


def kept() -> dict[str, dict]:
    """Results of earlier runs by the mutants' keys."""
    paths = (OUT / "results").glob("*.json")
    return {path.stem: json.loads(path.read_text("utf-8")) for path in paths}


def up_to_date() -> dict[str, dict]:
    """Results of the modules as they are now, by the mutants' keys."""
    texts = {digest(text) for text in sources().values()}
    return {key: each for key, each in kept().items() if each["text"] in texts}


def digest(text: str) -> str:
    """A short name of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def commit() -> str:
    """The commit that the working tree stands on."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def show(count: int, seed: int) -> None:
    """Lists the survivors."""
    found = up_to_date()
    for mutant in drawn(count, seed):
        if found.get(mutant.key, {}).get("how") == "passed":
            print(
                f"{mutant.key} {mutant.module}:{mutant.lines[0]} {mutant.function} [{mutant.rule}]"
            )
            print(f"    {mutant.before[:150]!r} -> {mutant.after[:150]!r}")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("what", choices=["map", "run", "show", "record"])
    parser.add_argument("names", nargs="*", help="folders to map; modules or mutants to run")
    parser.add_argument("--count", type=int, default=320)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most", type=float, default=40.0, help="seconds of tests for a mutant")
    parser.add_argument("--leave-out", default=SLOW, help="tests too slow to run a mutant against")
    parser.add_argument("--backwards", action="store_true", help="begins with the last")
    parser.add_argument("--note", default="", help="how the run was made, for the record")
    parser.add_argument("--again", action="store_true", help="runs survivors anew")
    options = parser.parse_args()
    if options.what == "map":
        map_tests(options.names, options.leave_out)
    elif options.what == "run":
        names = set(options.names)
        run_mutants(
            options.count,
            options.seed,
            options.most,
            names,
            again=options.again,
            backwards=options.backwards,
        )
    elif options.what == "show":
        show(options.count, options.seed)
    else:
        write(drawn(options.count, options.seed), up_to_date(), options.seed, options.note)


if __name__ == "__main__":
    main()
