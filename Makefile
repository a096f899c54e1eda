# What one does with Hearthline. Bare `make` lists it.

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
# Made by another Python, it is made anew: `make test PYTHON=python3.13` never runs on the old one.
MADE := $(VENV)/.made-by-$(subst /,-,$(PYTHON))
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock"

# What a shell happens to have set must not reach into our environment.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE VIRTUAL_ENV PIP_USER PIP_TARGET PIP_PREFIX
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run practice test check sim soak fuzz bench audit lock clean machine

help: ## list these targets
	@echo "Hearthline. Each target sets up what it needs, in $(VENV); PYTHON=python3.13 chooses another Python."
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.run ## a home, a hub and a response centre on this machine, by hand; ARGS="--list" lists scenarios
	@$(BIN)/hearthline demo $(ARGS)

practice: $(VENV)/.run machine ## a site and three devices, to practise installing on (docs/installer.md)
	@$(BIN)/python -m simulators.practice $(ARGS)

# Many tests wait for real processes: three workers keep two cores busy.
test: $(VENV)/.dev machine ## every test, against a real broker; ARGS="tests/rules -k cancel" runs some
	@$(BIN)/python -m pytest -n 3 --dist worksteal $(ARGS)

check: $(VENV)/.dev ## style, types, import directions, published contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m agent.wire.schema --check

sim: $(VENV)/.run ## many made-up days of a home, from seeds; ARGS="--seed 7 --days 30" makes one again
	@$(BIN)/hearthline sim --worlds 20 --days 5 --jobs 2 $(ARGS)

soak: $(VENV)/.run machine ## break the real hub for hours, and count; goes on where it was; ARGS="--list" shows how far
	@$(BIN)/python -m simulators.trials $(ARGS)

fuzz: $(VENV)/.fuzz ## junk at everything that takes bytes from outside; ARGS="--seconds 600 rfxtrx"
	@$(BIN)/python -m tests.fuzz $(ARGS)

bench: $(VENV)/.run machine ## how fast, and how much memory; ARGS="--write FILE" keeps the page
	@$(BIN)/python -m simulators.bench $(ARGS)

audit: $(VENV)/.audit ## known holes in the libraries it runs on, none skipped; needs the internet
	@$(VENV)/audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements/run.txt $(ARGS)

lock: $(VENV)/.dev ## choose the newest libraries and lock them, by hash, in requirements/
	$(LOCK) --upgrade --extra build --output-file requirements/run.txt
	$(LOCK) --upgrade --extra build --extra dev --constraint requirements/run.txt --output-file requirements/dev.txt
	$(LOCK) --upgrade --extra fuzz --constraint requirements/dev.txt --output-file requirements/fuzz.txt
	$(LOCK) --upgrade --extra audit --output-file requirements/audit.txt

clean: ## remove what these targets made
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- how they get what they need ---------------------------------------------------------------

$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Hearthline needs Python 3.11 or newer; '$(PYTHON)' is not that. Name one: make PYTHON=python3.13" >&2; exit 1; }
	@echo "Setting up $(VENV) ($$($(PYTHON) --version)) ..."
	@$(PYTHON) -m venv --clear $(VENV) || \
		{ rm -rf $(VENV); echo "This Python cannot make environments. Remedy: sudo apt install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.run: requirements/run.txt pyproject.toml $(MADE)
	@echo "Installing what Hearthline runs on, each file checked by its hash (once; a minute or so) ..."
	@$(PIP) install --quiet --require-hashes --only-binary :all: -r requirements/run.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "Installing what it is tested with ..."
	@$(PIP) install --quiet --require-hashes --only-binary :all: -r requirements/dev.txt
	@touch $@

$(VENV)/.fuzz: requirements/fuzz.txt $(VENV)/.dev
	@echo "Installing what looks for junk that hurts ..."
	@$(PIP) install --quiet --require-hashes --only-binary :all: -r requirements/fuzz.txt || \
		{ echo "There is no atheris for this machine or Python: fuzz on x86-64, where make test runs a bounded look." >&2; exit 1; }
	@touch $@

# In an environment of its own: what audits is no part of what is audited.
$(VENV)/.audit: requirements/audit.txt $(MADE)
	@$(PYTHON) -m venv --clear $(VENV)/audit
	@$(VENV)/audit/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --only-binary :all: -r $<
	@touch $@

# The tests talk to a real Mosquitto, each to one of its own on a port of its own, and step clocks by libfaketime;
# they ask systemd what it thinks of our units;
# they drive the console and the flat in a real browser;
# they have every phrase spoken (espeak-ng), its catalogue proven (gettext) and the card for the fridge set (Pango).
APT := $(if $(filter 0,$(shell id -u)),,sudo )apt-get
machine:
	@PATH="$$PATH:/usr/sbin"; missing=; \
	command -v mosquitto >/dev/null || missing=mosquitto; \
	ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1 || missing="$$missing libfaketime"; \
	command -v espeak-ng >/dev/null || missing="$$missing espeak-ng"; \
	command -v msgfmt >/dev/null || missing="$$missing gettext"; \
	command -v chromium >/dev/null || command -v chromium-browser >/dev/null || missing="$$missing chromium"; \
	command -v systemd-analyze >/dev/null || missing="$$missing systemd"; \
	ls /usr/lib/*/libpangoft2-1.0.so.0 >/dev/null 2>&1 || missing="$$missing libpangoft2-1.0-0"; \
	ls /usr/lib/*/libharfbuzz-subset.so.0 >/dev/null 2>&1 || missing="$$missing libharfbuzz-subset0"; \
	[ -z "$$missing" ] || { \
		echo "Installing $$missing ..."; \
		$(APT) install -y -q --no-install-recommends $$missing || \
		{ $(APT) update -q && $(APT) install -y -q --no-install-recommends $$missing; }; } || \
		{ echo "The tests need $$missing, and it could not be installed. Remedy, as root: apt install $$missing" >&2; exit 1; }
