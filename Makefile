PYTHON ?= python3
BIN := .venv/bin

# What must have every branch tested, and the tests that do it.
BRANCHES := core.supervisor core.limiter core.journal core.log_ring core.framing core.framing_twin core.authentic core.mac core.program_slot
BRANCH_TESTS := $(addprefix tests/pump/core/test_,supervisor.py limiter.py journal.py framing.py mac.py intake.py program_slot.py) \
	$(addprefix tests/pump/test_,admission.py app.py soft_limits.py takeover.py black_box.py power_cut.py) tests/mesor/record/test_device_log.py

.PHONY: run test branches check clean

run: .venv/installed  ## set up, then run the default scenario on an emulated Pico
	$(BIN)/mesor run

test: .venv/installed-for-tests  ## set up, then run all tests
	$(BIN)/mesor image
	$(BIN)/python -m pytest -n 2 --dist loadfile

branches: .venv/installed-for-tests  ## hold the safety core to 100 % branch coverage
	$(BIN)/python -m pytest -q $(BRANCH_TESTS) $(BRANCHES:%=--cov=pump.%) --cov=mesor.record.device_log \
		--cov-branch --cov-report=term-missing --cov-fail-under=100

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
