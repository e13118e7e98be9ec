# Two commands matter: `make demo` and `make test`. Both set up what they need and print what they do.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
LINTERS := .tools/linters
PEERS := .tools/peers
WORKFLOWS = $(wildcard examples/*.yml .github/workflows/*.yml)

.PHONY: help demo demo-aws test lint fuzz bench openapi action dist site lock

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/server.ok ## Run the main job on this machine: publish, point, roll back, hold
	$(BIN)/python -m scripts.demo

demo-aws: .venv/dev.ok .tools/sam/ok ## The same on AWS's services as far as they can be had on this machine
	sh scripts/install-emulators.sh
	$(BIN)/python -m scripts.demo_aws

test: .venv/dev.ok .tools/lambda/ok ## Set up and run all tests
	sh scripts/install-tools.sh curl git jq njs
	sh scripts/install-emulators.sh
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: .venv/dev.ok $(LINTERS)/ok .tools/sam/ok .tools/checkov/ok ## Check style, types, import rules, scripts, workflows and template
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	sh scripts/install-tools.sh shellcheck
	shellcheck scripts/*.sh .ci/run
	$(LINTERS)/bin/check-jsonschema --builtin-schema vendor.github-actions action.yml
	$(LINTERS)/bin/check-jsonschema --builtin-schema vendor.github-workflows $(WORKFLOWS)
	$(LINTERS)/bin/actionlint $(WORKFLOWS)
	$(LINTERS)/bin/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(LINTERS)/bin/zizmor --offline --persona auditor --quiet action.yml .github/dependabot.yml $(WORKFLOWS)
	.tools/sam/bin/cfn-lint template.yaml
	SAM_CLI_TELEMETRY=0 .tools/sam/bin/sam validate --lint --region eu-west-1
	.tools/checkov/bin/checkov --quiet --compact --skip-download --framework cloudformation --file template.yaml

fuzz: .venv/dev.ok ## Make 10,000 calls of the API that a fuzzer thinks up, with each role's token
	PULLPROD_FUZZ_CALLS=10000 $(BIN)/python -m pytest -q -s --timeout 3600 tests/system/test_fuzz.py

bench: .venv/dev.ok $(PEERS)/ok action ## Measure publish, swap and edge against what people use otherwise; count AWS calls
	sh scripts/install-tools.sh curl rsync nginx wrk python3-doc debian-handbook
	sh scripts/install-emulators.sh
	PYTHONPATH=. $(BIN)/python benchmarks/run.py

openapi: .venv/dev.ok ## Write docs/openapi.json anew from the API's models
	$(BIN)/python scripts/openapi.py > docs/openapi.json

action: .venv/dev.ok ## Build action/pullprod.pyz anew, after a change to the client or what it needs
	$(BIN)/python scripts/build_pyz.py

dist: .venv/dev.ok ## Build what a release consists of
	$(BIN)/hatchling build -d dist

site: .venv/dev.ok ## Build the documentation as a site
	$(BIN)/python scripts/site.py build/site

lock: .venv/dev.ok ## Resolve the dependencies anew
	$(BIN)/uv pip compile -q pyproject.toml --extra server --universal --python-version 3.10 --generate-hashes -o requirements/server.txt
	$(BIN)/uv pip compile -q requirements/action.in --universal --python-version 3.10 --generate-hashes -o requirements/action.txt
	$(BIN)/uv pip compile -q pyproject.toml --extra server --extra aws --group dev --universal --python-version 3.11 --generate-hashes -o requirements/dev.txt
	$(BIN)/uv pip compile -q --group build -c requirements/dev.txt --universal --python-version 3.11 --generate-hashes -o requirements/build.txt
	$(BIN)/uv pip compile -q --group lambda -c requirements/dev.txt --python-platform aarch64-manylinux2014 --python-version 3.13 --generate-hashes -o requirements/lambda.txt
	$(BIN)/uv pip compile -q --group sam --universal --python-version 3.11 --generate-hashes -o requirements/sam.txt
	$(BIN)/uv pip compile -q --group checkov --universal --python-version 3.11 --generate-hashes -o requirements/checkov.txt
	$(BIN)/uv pip compile -q --group emulators --universal --python-version 3.11 --generate-hashes -o requirements/emulators.txt
	$(BIN)/uv pip compile -q --group linters --universal --python-version 3.11 --generate-hashes -o requirements/linters.txt
	$(BIN)/uv pip compile -q --group peers --universal --python-version 3.11 --generate-hashes -o requirements/peers.txt

# What `sam build` runs, once for each function; samconfig.toml tells it to do so here and not in a copy.
build-ApiFunction build-ReconcilerFunction build-NotFoundFunction: .venv/uv.ok
	$(BIN)/python scripts/lambda_package.py "$(ARTIFACTS_DIR)"

.venv/uv.ok:
	@echo "setting up .venv"
	@$(PYTHON) -c 'import sys; sys.exit("pullprod needs Python 3.11 or newer; name one with PYTHON=…" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
	@touch $@

.venv/server.ok: .venv/uv.ok requirements/server.txt pyproject.toml
	@echo "installing the locked dependencies of the server"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/server.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --build-constraints requirements/build.txt -e .
	@touch $@

.venv/dev.ok: .venv/uv.ok requirements/dev.txt pyproject.toml
	@echo "installing the locked dependencies for development"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --build-constraints requirements/build.txt -e .
	@touch $@

# So that the tests, which package for Lambda too, need no network.
.tools/lambda/ok: requirements/lambda.txt .venv/uv.ok
	@echo "fetching what goes to Lambda"
	@$(BIN)/python scripts/lambda_package.py .tools/lambda
	@PULLPROD_LAMBDA_PLATFORM=native $(BIN)/python scripts/lambda_package.py .tools/lambda
	@touch $@

# Tools that pin what others need in another version: each in an environment of its own.
.tools/%/ok: requirements/%.txt .venv/uv.ok
	@echo "installing the locked $*"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .tools/$*
	@$(BIN)/uv pip install --quiet --python .tools/$*/bin/python --require-hashes -r $<
	@touch $@

