# make run    set up, and open the window on the bundled samples
# make test   set up, and check and test everything but the slow tests (test-all: those too)
# make bench  print the table of speeds
# make clean  remove what the above made

PYTHON_VENV := .venv/bin/python
# Tests of the window get a virtual display of their own where Xvfb exists, so that nothing flashes over yours.
HIDE_DISPLAY := $(shell command -v Xvfb >/dev/null 2>&1 && echo env -u DISPLAY -u WAYLAND_DISPLAY)

# Pictures and windows are tested one after the other: on a busy machine their standstills could not be measured. All
# else takes processor time alone and shares the cores; a file stays on one of them with what its tests share.
SERIAL := tests/renderers tests/viewer
PARALLEL := tests $(SERIAL:%=--ignore=%) --numprocesses auto --maxprocesses 4 --dist loadfile
PYTEST := $(HIDE_DISPLAY) $(PYTHON_VENV) -m pytest -q

.PHONY: run test test-all check bench clean setup setup-dev

run: setup
	@sh scripts/run.sh

setup:
	@sh scripts/setup.sh

setup-dev:
	@sh scripts/setup.sh dev

check: setup-dev
	$(PYTHON_VENV) -m ruff check .
	$(PYTHON_VENV) -m ruff format --check .

test: check
	$(PYTEST) $(PARALLEL)
	$(PYTEST) $(SERIAL)

test-all: check
	$(PYTEST) $(PARALLEL) -m ""
	$(PYTEST) $(SERIAL) -m ""

bench: setup-dev
	$(HIDE_DISPLAY) $(PYTHON_VENV) -m tests.bench

clean:
	rm -rf .venv out build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
