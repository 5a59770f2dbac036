"""Memory that is freed and asked for again, by the pages that it is made of; cycles of garbage."""

import gc
import platform
import subprocess
import sys

import pytest

from neurograd.memory import collect_again, uncollected

PAGES = """
import resource, sys
from neurograd.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
def pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    some = [b"x" * 2**23 for _ in range(8)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
pages()
pages()
print(pages())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc's that is set")
def test_freed_memory_comes_again_without_new_pages():
    def pages(how: str) -> int:
        run = [sys.executable, "-c", PAGES, how]
        return int(subprocess.run(run, capture_output=True, text=True, check=True).stdout)

    assert pages("keep") < 100 < pages("leave")


def test_cycles_are_left_alone_until_the_work_begins():
    assert gc.isenabled()
    with uncollected():
        assert not gc.isenabled()
        collect_again()
        assert gc.isenabled()
        frozen = gc.get_freeze_count()
        assert frozen > 0
    try:
        with uncollected():
            raise RuntimeError
    except RuntimeError:
        assert gc.isenabled()
    with uncollected():
        collect_again()
    assert gc.get_freeze_count() <= frozen
    gc.unfreeze()
