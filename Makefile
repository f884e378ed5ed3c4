# The commands for developers. `make` lists them.
# Tools are installed into .venv/ on first use. Only Python 3.11 to 3.14 is needed.

.DEFAULT_GOAL := help
.PHONY: help run demo logs switch test test-stripe check lint validate build deploy connect-stripe connect-platform doctor smoke first-key publish-events align-cards bench browser lock clean .venv/app .venv/emulator .venv/sam

PYTHON_APP := .venv/app/bin/python
PYTEST := $(PYTHON_APP) -m pytest
SAM := PATH="$(CURDIR)/.venv/sam/bin:$$PATH" SAM_CLI_TELEMETRY=0 sam
BOOTSTRAP := local/toolchain/bootstrap.sh
# A section of samconfig.toml, or `local` for a running `make run`.
STAGE ?= default

help: ## List these commands
	@echo "Hosting Orders. Start with 'make run'."
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## Start the whole system, place a sample order, and serve until Ctrl-C
	@$(BOOTSTRAP) app emulator
	@$(PYTHON_APP) -m local run

demo: ## Like run, but exit when the order is completed (0) or has failed (1)
	@$(BOOTSTRAP) app emulator
	@$(PYTHON_APP) -m local demo

logs: ## Show the logs of a running `make run`; ID=… for one order, cart, account or request
	@$(PYTHON_APP) -m local logs $(ID)

switch: ## Switch domain orders of a running `make run`: DOMAINS=on, off, or the id of the only account that has them
	@$(PYTHON_APP) -m local switch $(DOMAINS)

test: ## Run all tests, also against the local stack (15 to 25 minutes on two cores)
	@$(BOOTSTRAP) app emulator
	@$(PYTEST) -n 3 --dist loadgroup # 3 on two cores: the local stack's tests mostly wait

test-stripe: .venv/app ## Run Stripe's contract tests in a Stripe sandbox; needs STRIPE_API_KEY=sk_test_…
	@$(PYTHON_APP) -m local.test_stripe $(ARGS)

check: .venv/app ## Inner loop, under 90 s: style, types, unit and structure tests, tests of changed files
	@$(MAKE) --no-print-directory lint
	@$(PYTHON_APP) -m local.check

lint: .venv/app ## Check style (ruff) and types (mypy)
	@.venv/app/bin/ruff check .
	@.venv/app/bin/ruff format --check .
	@$(PYTHON_APP) -m mypy

validate: .venv/sam ## Check template.yaml with SAM and cfn-lint
	@$(SAM) validate --lint

build: .venv/sam ## Build for deployment, into .aws-sam/
	@local/toolchain/sam_build.sh

deploy: .venv/app .venv/sam ## Build and deploy to your AWS account; STAGE=default, staging or prod; ARGS="Name=value …"
	@PATH="$(CURDIR)/.venv/sam/bin:$$PATH" $(PYTHON_APP) -m operate deploy --stage $(STAGE) $(ARGS)

connect-stripe: .venv/app ## Create the webhook endpoint at Stripe and store its secret and your key; STAGE=…
	@$(PYTHON_APP) -m operate connect-stripe --stage $(STAGE) $(ARGS)

connect-platform: .venv/app ## Store the hosting platform's API key and webhook secret; STAGE=…
	@$(PYTHON_APP) -m operate connect-platform --stage $(STAGE) $(ARGS)

doctor: .venv/app ## Check a deployed stack before its first customer (docs/go-live.md); STAGE=…
	@$(PYTHON_APP) -m operate doctor --stage $(STAGE) $(ARGS)

smoke: .venv/app ## Order, deliver, cancel and refund on a deployed stack in Stripe's test mode; STAGE=… or local for `make run`
	@$(PYTHON_APP) -m operate smoke --stage $(STAGE) $(ARGS)

first-key: .venv/app ## Make an API key for an account that has none; STAGE=… ARGS="Account=acc_… User=usr_…"
	@$(PYTHON_APP) -m operate first-key --stage $(STAGE) $(ARGS)

publish-events: .venv/app ## Send the account webhooks of changes that the table's stream has lost; STAGE=…
	@$(PYTHON_APP) -m operate publish-events --stage $(STAGE) $(ARGS)

align-cards: .venv/app ## Give the renewals of earlier releases the customer's default method; STAGE=…
	@$(PYTHON_APP) -m operate align-cards --stage $(STAGE) $(ARGS)

bench: .venv/app .venv/emulator .venv/sam ## Count the instructions of a cold start (needs valgrind); ARGS=… as in bench/README.md
	@mkdir -p .local && local/toolchain/sam_build.sh --here >.local/bench-build.log 2>&1 || { cat .local/bench-build.log; exit 1; }
	@$(PYTHON_APP) -m bench.cold_start $(ARGS)

browser: ## Install the tools of the browser tests from PyPI and npm; Chromium comes from your system
	@$(BOOTSTRAP) browser

lock: ## Update all pinned dependencies to their newest releases
	@local/toolchain/lock.sh

clean: ## Remove everything that was installed, built or recorded
	rm -rf .venv .local .aws-sam .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/app .venv/emulator .venv/sam:
	@$(BOOTSTRAP) $(@F)
