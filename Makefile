# make run: the whole search with the stand-in for a model.  make test: the tests.  make check: lint, types, architecture.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# How many tests run side by side.
JOBS ?= 2

.PHONY: run test check soak clean

$(VENV)/.installed: pyproject.toml constraints.txt scripts/install
	PYTHON="$(PYTHON)" VENV="$(VENV)" scripts/install
	touch $@

run: $(VENV)/.installed
	$(BIN)/dgm run experiment=rehearsal

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n $(JOBS)

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py

soak: $(VENV)/.installed
	$(BIN)/python -m pytest -m soak --timeout 3600

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
