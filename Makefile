# Two commands set everything up on a machine with Python 3.11 to 3.14 and a network:
#   make demo    the report of an HfO2 crossbar
#   make test    the tests
# The first Python found is taken; the tests' versions (constraints.txt) were chosen on 3.11.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3.14 python3,$(shell command -v $(name) 2>/dev/null)) python3.11)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# A worker a core, each with one thread.
PYTEST_FLAGS ?= -n auto

.PHONY: help demo test matrix mutants bench lint docs wheel architecture install clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## */\1\t/' | expand -t 14

install: $(STAMP) ## the environment, in .venv

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null || { echo "$(PYTHON) is no Python 3.11 to 3.14: install one or name another, make PYTHON=python3.12"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(STAMP)

# A verdict other than 'tolerated' is a result, not a failure of the demo.
demo: $(STAMP) ## the report of an HfO2 crossbar, in out/
	$(BIN)/neurograd check examples/hfo2_crossbar.yaml --json out/hfo2_crossbar.json --html out/hfo2_crossbar.html --exit-zero

test: $(STAMP) ## the tests, with coverage of at least 90 % (PYTEST_FLAGS adds options)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --cov --cov-report=term --cov-fail-under=90 $(PYTEST_FLAGS)

matrix: $(STAMP) ## every rule x pass x read x write x type against its moments, with its record
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.conformance --record

mutants: $(STAMP) ## mutants of what makes the numbers, against their tests, with its record
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.mutation map
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.mutation run
	$(BIN)/python -m tests.mutation record

bench: $(STAMP) ## speed and memory beside peers and the machine's ceilings, with its record and page
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks --json benchmarks/results/cpu.json
	$(BIN)/python -m benchmarks --page docs/performance.md

lint: $(STAMP) ## ruff, mypy and the contract of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(STAMP) ## the site, in site/, with its links checked
	$(BIN)/python -m neurograd.spec.reference docs/keys.md
	$(BIN)/mkdocs build --strict

wheel: $(STAMP) ## the wheel, in dist/, tried in an environment of its own
	.ci/wheel $(BIN)/python

architecture: $(STAMP) ## the drawing of the packages, from their imports
	$(BIN)/python docs/draw_architecture.py

clean: ## removes everything that the others make
	rm -rf $(VENV) out build dist site *.egg-info .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
