"""Prints the text of docs/glossary.md."""

import sys

from neurograd.report.glossary import glossary_page

sys.stdout.write(glossary_page())
