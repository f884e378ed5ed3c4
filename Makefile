# Hosting Orders: everything a developer does is one of these. `make` alone lists them.
# The tools install themselves on first use, into .venv/; only Python 3.11 to 3.14 has to be there.

.DEFAULT_GOAL := help
.PHONY: help run demo logs switch test check lint validate build deploy bench browser lock clean .venv/app .venv/emulator .venv/sam

PYTHON_APP := .venv/app/bin/python
PYTEST := $(PYTHON_APP) -m pytest
SAM := PATH="$(CURDIR)/.venv/sam/bin:$$PATH" SAM_CLI_TELEMETRY=0 sam
BOOTSTRAP := local/toolchain/bootstrap.sh
SOURCES := layers/hosting_orders/hosting_orders functions local tests

help: ## List these commands
	@echo "Hosting Orders. Start with 'make run'."
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## Start the whole system here, place a sample order, and serve until Ctrl-C
	@$(BOOTSTRAP) app emulator
	@$(PYTHON_APP) -m local run

demo: ## The same, but stop when the order is completed (exit 0) or has failed
	@$(BOOTSTRAP) app emulator
	@$(PYTHON_APP) -m local demo

logs: ## What the functions of a running `make run` have logged; ID=… for one order, cart, account or request
	@$(PYTHON_APP) -m local logs $(ID)

switch: ## Domain registration in a running `make run`: DOMAINS=off, on, or the id of the one account that has it
	@$(PYTHON_APP) -m local switch $(DOMAINS)

test: ## Run every test, those against the local stack too (about fifteen minutes on two cores)
	@$(BOOTSTRAP) app emulator
	@$(PYTEST) -n 2 --dist loadgroup

check: .venv/app ## Inner loop, under 90 s: style, types, unit and structure tests, and those of what changed
	@$(MAKE) --no-print-directory lint
	@$(PYTHON_APP) -m local.check

lint: .venv/app ## Check style (ruff) and types (mypy)
	@.venv/app/bin/ruff check .
	@.venv/app/bin/ruff format --check .
	@$(PYTHON_APP) -m mypy

validate: .venv/sam ## Check template.yaml with SAM and cfn-lint
	@$(SAM) validate --lint

build: .venv/sam ## Build what is deployed, into .aws-sam/
	@local/toolchain/sam_build.sh

deploy: build ## Build, then deploy to your AWS account, asking for what it needs
	@$(SAM) deploy --guided

bench: .venv/app .venv/emulator .venv/sam ## Count the instructions of a cold start (needs valgrind); ARGS=… as in bench/README.md
	@mkdir -p .local && local/toolchain/sam_build.sh --here >.local/bench-build.log 2>&1 || { cat .local/bench-build.log; exit 1; }
	@$(PYTHON_APP) -m bench.cold_start $(ARGS)

browser: ## Install what the browser tests need, from PyPI and npm; Chromium comes from your system
	@$(BOOTSTRAP) browser

lock: ## Move every pinned dependency to its newest release
	@local/toolchain/lock.sh

clean: ## Remove what was installed, built and recorded here
	rm -rf .venv .local .aws-sam .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/app .venv/emulator .venv/sam:
	@$(BOOTSTRAP) $(@F)
