PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test check clean

run: .venv/installed  ## set up, then run the default scenario on an emulated Pico
	$(BIN)/mesor run

test: .venv/installed-for-tests  ## set up, then run all tests
	$(BIN)/mesor image
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: .venv/installed-for-tests  ## lint and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

clean:  ## remove the environment and what runs have left
	rm -rf .venv runs

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/installed-for-tests: .venv/installed
	$(BIN)/python -m pip install --quiet --editable .[test]
	touch $@
