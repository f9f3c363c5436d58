# Each target works as the only command on a fresh machine; PYTHON picks the interpreter (3.10 to 3.13).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

QUICK := not slow and not browser and not cluster and not alone and not data
# Files stay whole: what a module's fixtures make is made once. JOBS=0 runs all in one process.
JOBS ?= 2
PARALLEL = --numprocesses $(JOBS) --dist loadfile

.PHONY: demo test test-quick check clean

demo: $(VENV)/installed-base
	$(BIN)/unmask demo

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -m alone
	$(BIN)/python -m pytest -m "not alone" $(PARALLEL)

test-quick: $(VENV)/installed-dev
	$(BIN)/python -m pytest -m "$(QUICK)" $(PARALLEL)

check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) demo build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(BIN)/python:
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# The stamps are older than pyproject.toml exactly when the installation is.
$(VENV)/installed-base: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --only-binary=:all: --editable .
	touch $@

$(VENV)/installed-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --only-binary=:all: --editable ".[dev,train,ray,serve]"
	touch $@ $(VENV)/installed-base
