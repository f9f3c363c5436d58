# Each target works as the only command on a fresh machine; PYTHON picks the interpreter (3.10 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

QUICK := not slow and not browser and not cluster and not alone and not data
# Files stay whole: what a module's fixtures make is made once. JOBS=0 runs all in one process.
JOBS ?= 2
PARALLEL = --numprocesses $(JOBS) --dist loadfile

.PHONY: demo test test-quick test-python check constraints clean

demo: $(VENV)/installed-base
	$(BIN)/unmask demo

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -m alone
	$(BIN)/python -m pytest -m "not alone" $(PARALLEL)

test-quick: $(VENV)/installed-dev
	$(BIN)/python -m pytest -m "$(QUICK)" $(PARALLEL)

# The quick tests with another interpreter, in an environment of its own without PyTorch and Ray:
# make test-python PYTHON=python3.13, or of some rooms alone: TESTED="tests/verdict tests/report"
test-python: OTHER = $(VENV)-$(shell $(PYTHON) -c "import sys; print('%d.%d' % sys.version_info[:2])")
test-python:
	$(PYTHON) -m venv $(OTHER)
	$(OTHER)/bin/python -m pip install --quiet --only-binary=:all: --constraint constraints.txt --editable ".[dev,serve]"
	$(OTHER)/bin/python -m pytest -m "$(QUICK)" $(PARALLEL) $(TESTED)

check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# After an upgrade (pip install --upgrade in .venv) under which the tests passed.
constraints: $(VENV)/installed-dev
	$(BIN)/python scripts/write_constraints.py

clean:
	rm -rf $(VENV) $(VENV)-* demo build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(BIN)/python:
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# The stamps are older than these two files exactly when the installation is.
$(VENV)/installed-base: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --only-binary=:all: --constraint constraints.txt --editable .
	touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --only-binary=:all: --constraint constraints.txt --editable ".[dev,train,ray,serve]"
	touch $@ $(VENV)/installed-base
