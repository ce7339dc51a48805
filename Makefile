# Two commands for a newcomer: `make demo` and `make test`. Everything else is for those who stay.

VENV  := .venv
BIN   := $(VENV)/bin
READY := $(VENV)/.ready

# Compiled once and kept: many tests start the program anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo web test lint soak bench constraints docs screenshots clean

demo: $(READY)
	@$(BIN)/carillon demo demo

# The application on the demo's workspace, which is made first where there is none.
web: $(READY)
	@test -f demo/carillon.yaml || $(BIN)/carillon demo demo
	@$(BIN)/carillon -w demo web

test: $(READY) lint
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

lint: $(READY)
	$(BIN)/ruff check src tests bench docs
	$(BIN)/ruff format --check src tests bench docs
	$(BIN)/mypy

# The long versions of the simulation and crash tests: about half an hour.
soak: $(READY)
	CARILLON_SOAK=1 $(BIN)/python -m pytest tests/journey tests/contract tests/plan

bench: $(READY)
	$(BIN)/python -m bench.plan
	$(BIN)/python -m bench.render
	$(BIN)/python -m bench.advance
	$(BIN)/python -m bench.send
	$(BIN)/python -m bench.plan --campaigns --contacts 3000000
	$(BIN)/python -m bench.plan --database postgresql --contacts 1000000
	$(BIN)/python -m bench.release
	$(BIN)/python -m bench.release --database postgresql --emails 100000 1000000
	$(BIN)/python -m bench.timing
	$(BIN)/python -m bench.web --plan
	$(BIN)/python -m bench.web --plan --postgres

docs: $(READY)
	$(BIN)/python docs/generate.py

# Every page of the web application on the demo, as docs/tour.md shows them; needs Chromium.
screenshots: $(READY)
	$(BIN)/python docs/screenshots.py

# Newer versions of everything, without the address of any package index in the file.
constraints: $(READY)
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal \
		--no-header --python-version 3.11 --upgrade --quiet -o constraints.txt

clean:
	rm -rf $(VENV) demo .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(READY): pyproject.toml constraints.txt
	@for candidate in python3.13 python3.12 python3.11 python3; do \
		if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			found=$$candidate; break; fi; \
	done; \
	test -n "$$found" || { echo "Carillon needs Python 3.11 or newer; none was found." >&2; exit 1; }; \
	test -x $(BIN)/python || $$found -m venv $(VENV)
	@echo "Installing Carillon and its tools into $(VENV) (a minute or two the first time) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[postgres,dev]'
	@touch $@
