# Two commands set everything up on a machine with Python 3.11 and nothing else:
#   make demo    the report of an HfO2 crossbar
#   make test    the tests
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint install clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not there: install Python 3.11 or name another one, make PYTHON=python3.12"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(STAMP)

# A verdict other than 'tolerated' is a result, not a failure of the demo.
demo: $(STAMP)
	$(BIN)/neurograd check examples/hfo2_crossbar.yaml --json out/hfo2_crossbar.json --html out/hfo2_crossbar.html || test $$? -eq 1 -o $$? -eq 3

test: $(STAMP)
	$(BIN)/python -m pytest --cov --cov-report=term --cov-fail-under=90

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) out build *.egg-info .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
