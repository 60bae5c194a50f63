# make demo      set up, then open the main job in JupyterLab (ARGS=--no-browser: run it headless to the end)
# make test      set up, then every check and test
# make tools-test  load every export of a golden set back with the tool it is for (an environment of its own)
# make audit     known vulnerabilities of the pinned packages
# make lint | notebooks | widget | bench | results

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
WIDGET := failscope/workbench
ARGS ?=

.PHONY: demo test lint notebooks widget bench results audit tools-test clean

demo: $(READY)
	$(BIN)/python scripts/demo.py $(ARGS)

test: lint
	$(BIN)/python -m pytest $(ARGS)

lint: $(READY) $(WIDGET)/node_modules/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	cd $(WIDGET) && npm run --silent check && npm test --silent
	$(BIN)/python scripts/check_bundle.py

notebooks: $(READY)
	$(BIN)/python scripts/demo.py --no-browser

widget: $(WIDGET)/node_modules/.ready
	cd $(WIDGET) && npm run --silent build

bench: $(READY)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,bench]'
	$(BIN)/python -m benchmarks $(ARGS)

audit: $(READY)
	$(BIN)/python scripts/audit_dependencies.py

tools-test: $(READY)
	$(BIN)/python scripts/tools.py
	$(BIN)/python -m pytest tests/tools $(ARGS)

results: $(READY)
	$(BIN)/python -m scripts.results_page

# Installed once and again when what is installed changes; the numba functions are compiled here, not in the demo.
$(READY): pyproject.toml constraints.txt
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	$(BIN)/python scripts/warm.py
	touch $@

$(WIDGET)/node_modules/.ready: $(WIDGET)/package-lock.json
	cd $(WIDGET) && npm ci --silent --no-audit --no-fund
	touch $@

clean:
	rm -rf .venv .venv-audit .venv-tools $(WIDGET)/node_modules
