# `make demo` runs the main job on the built-in demo; `make test` passes the tests, `make quick`
# those of computing alone, `make test-all` the long ones too, as .ci/run does.
PYTHON ?= python3
VENV ?= .venv
DEMO ?= lensong-demo
BIN := $(VENV)/bin
# one more than cores: many tests wait for programs and links
WORKERS ?= 3
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_OPTIONS)
QUICK := tests/test_layout.py tests/test_propagation tests/test_coverage tests/test_gis_data \
	tests/test_monitoring/test_readiness tests/test_monitoring/test_lists

PRETTIER := node_modules/.bin/prettier --log-level warn coverage planner monitoring tests
TEMPLATES := coverage/lensong/coverage planner/lensong/planner monitoring/lensong/monitoring/web/pages/templates

# the tests start hundreds of Pythons, and each would compile every module anew
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo dist test test-all quick search bench check format-pages docs lock clean
.DEFAULT_GOAL := demo

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("lensong needs Python 3.11 or newer, this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/installed-dev: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,docs]'
	touch $@ $(VENV)/installed

node_modules/installed: package.json
	npm install --silent --no-package-lock --no-audit --no-fund
	touch $@

demo: $(VENV)/installed
	$(BIN)/lensong demo --out $(DEMO)

# what is installed elsewhere: a wheel of this checkout, in dist/
dist: $(BIN)/python
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

test: $(VENV)/installed-dev
	$(PYTEST) -m "not benchmark and not slow"

test-all: $(VENV)/installed-dev
	$(PYTEST) -m "not benchmark and not alone"
	$(PYTEST) -m alone

quick: $(VENV)/installed-dev
	$(PYTEST) -q -m "not benchmark and not slow and not browser" $(QUICK)

# properties on examples that nobody has tried: what fails becomes a test of its own
search: $(VENV)/installed-dev
	HYPOTHESIS_PROFILE=search $(PYTEST) -m hypothesis

bench: $(VENV)/installed-dev
	$(BIN)/python -m pytest benchmarks -m benchmark -s

check: $(VENV)/installed-dev node_modules/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djangofmt --quiet --check $(TEMPLATES)
	$(PRETTIER) --check
	$(BIN)/mypy

format-pages: $(VENV)/installed-dev node_modules/installed
	$(BIN)/djangofmt --quiet $(TEMPLATES)
	$(PRETTIER) --write

docs: $(VENV)/installed-dev
	$(BIN)/mkdocs build --quiet --strict

lock: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --no-header --no-annotate --all-extras pyproject.toml -o constraints.txt

clean:
	rm -rf $(VENV) $(DEMO) build node_modules
