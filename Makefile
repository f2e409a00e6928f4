# Everything a person or CI runs. `make` alone prints this list.
.DEFAULT_GOAL := help
# Every target is a command, none is a file.
.PHONY: $(shell awk -F: '/^[a-z-]+:.*## / {print $$1}' Makefile)
SHELL := /bin/bash

BIN := .venv/bin
# Pin threads: the blocks are small, and two workers on one machine must not fight over its cores.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
# A shell that forbids bytecode makes every process that a test starts compile every module anew.
unexport PYTHONDONTWRITEBYTECODE
# Of tests at once. They wait for brokers and databases a third of their time: one more than two cores.
PROCESSES ?= 3
# In CI a failed test runs again and its first failure is printed; many that fail are no accident (decision 0030).
OPTIONS = $(if $(DURATIONS),--write-durations) $(if $(RERUNS),--reruns $(RERUNS) --max-suite-reruns 3 --rerun-show-tracebacks)

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready ## Install everything, pinned by hash, into .venv (quick when nothing changed; PYTHON=/path/to/python3.12: with that one)

# The stamp is the last thing made: an interrupted installation is done again.
.venv/.ready: requirements-dev.lock pyproject.toml
	@deploy/environment.sh "$(PYTHON)"
	@echo "installing into .venv (about a minute) ..."
	@$(BIN)/python -m pip install --quiet --no-compile --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@
	@echo "ready: $$($(BIN)/python --version), $$($(BIN)/python -m pip list --format=freeze | wc -l) packages"

check: setup ## Format, lint, types, direction of imports: all that CI checks, in its order
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup ## Run the tests that need nothing but Python and little of it (SLICE=models or streams/cases: all of a part; COVERAGE=1: with the floor for branches; RERUNS=1: a failed test runs again; DURATIONS=1: writes what takes longest, which is dealt first)
	$(BIN)/python -m pytest -n $(PROCESSES) --no-loadscope-reorder -m "not integration and not speed$(if $(SLICE),, and not slow)" $(if $(COVERAGE),--cov --cov-report=term:skip-covered) $(OPTIONS) $(addprefix tests/,$(SLICE))

test-slow: setup ## Run the tests that replay whole worlds, simulate many draws or run real processes, nothing but Python needed
	$(BIN)/python -m pytest -n $(PROCESSES) --no-loadscope-reorder -m slow $(OPTIONS)

test-integration: setup ## Run the end-to-end tests on real Apache Kafka (needs Java 17 and Maven)
	$(BIN)/python -m streams.devserver.kafka --fetch
	$(BIN)/python -m pytest -m integration $(OPTIONS)

torture: setup ## Freeze, kill and hang real processes on Apache Kafka, and count every event four times (ONLY="frozen killed", SEED=1, RUNS=1; LOAD_SECONDS=120 LOAD_RATE=5000; HURRIED_EVENTS=20000)
	$(BIN)/python -m streams.devserver.kafka --fetch
	$(BIN)/python tests/torture/torture.py $(ONLY) $(if $(SEED),--seed $(SEED)) $(if $(RUNS),--runs $(RUNS))

bench: setup ## Measure what an event costs, a quarter of an hour, and print it all: by block, room, partitions, accounts, members, features, beside other programs
	$(BIN)/python tests/bench/run.py
	$(BIN)/python tests/bench/collecting.py
	$(BIN)/python tests/bench/replaying.py
	$(BIN)/python tests/bench/scaling.py
	$(BIN)/python tests/bench/whole.py

bench-agent: setup ## Measure events per CPU-second of the accounts agent beside a Faust agent and a loop of confluent-kafka (KAFKA=1: on Apache Kafka)
	$(BIN)/python tests/bench/run.py $(if $(KAFKA),--kafka)

bench-scale: setup ## Print CPU microseconds an event by accounts known (1,000 to a million) and by features, milliseconds of a group's tick by members, and a case's version by members (QUICK=1: up to 10,000)
	$(BIN)/python tests/bench/scaling.py $(if $(QUICK),--quick)

bench-collect: setup ## Print the microseconds an event of sketching, by language and length, and of the whole of collect
	$(BIN)/python tests/bench/collecting.py

bench-replay: setup ## Print the microseconds an event of a replay by room, block size and partitions (AGAINST=DIR: in turn with another checkout)
	$(BIN)/python tests/bench/replaying.py $(if $(AGAINST),--against $(AGAINST))

bench-peers: setup ## Print CPU microseconds an event, and seconds to its row, of Hydrometer beside Quix Streams, Bytewax, Pathway and a loop of confluent-kafka on Apache Kafka, a quarter of an hour (ROUNDS=5; ONLY="hydrometer quix"; needs Java 17 and Maven; 1.5 GB of packages under build/)
	$(BIN)/python -m streams.devserver.kafka --fetch
	PYTHONPATH=tests/torture $(BIN)/python tests/bench/against_peers.py $(ONLY) $(if $(ROUNDS),--rounds $(ROUNDS))

fuzz: setup ## Feed 500,000 seeded inputs to the readers of what strangers send, guided by coverage (ALL=1: 10 million; RUNS=1000: each reader)
	$(BIN)/uv pip install --quiet --python $(BIN)/python atheris==3.0.0
	$(if $(ALL),ALL=1) $(if $(RUNS),RUNS=$(RUNS)) $(BIN)/python tests/fuzz/run.py

peers: setup ## Run the test suites of ClickHouse's clients against hydrometer local (PEERS=DIR: their checkouts; SUITES="asynch clickhouse-go")
	$(BIN)/python tests/peers/run.py $(SUITES) $(if $(PEERS),--peers $(PEERS))

audit: setup ## Ask OSV whether a known advisory applies to what the locks install (STRICT=1: fail when it cannot be reached)
	$(if $(STRICT),STRICT=1) $(BIN)/python tests/audit.py

bench-boards: setup ## Time every query of every board on a million requests, into build/boards-speed.json
	$(BIN)/python -m pytest -m speed tests/dashboards/test_boards_speed.py

demo: setup ## Show the whole path on generated traffic (KEEP=1 leaves it running)
	$(BIN)/hydrometer demo $(if $(filter-out 0,$(KEEP)),--keep)

render: setup ## Write all that is generated: boards and rules, the reference, Kafka's access lists, what a missing field blinds and costs
	$(BIN)/python -m streams.replay.little_world
	$(BIN)/python -m streams.testing.kept_costs
	$(BIN)/python -m dashboards.render
	$(BIN)/python -m streams.cli.reference
	$(BIN)/python -m streams.schema.access > deploy/kafka/acls.sh
	$(BIN)/python -m streams.schema.strimzi_users > deploy/helm/examples/strimzi-users.yaml

preview: setup ## Draw every board with Grafana's own components, into build/preview (LIVE=1: what HYDROMETER_CLICKHOUSE_* holds; node, Chromium, 470 MB)
	$(BIN)/python -m dashboards.screenshots $(if $(LIVE),--live)

types-of-boards: setup ## Check the generated boards against Grafana's own types with tsc (needs node; 470 MB of packages)
	$(BIN)/python -m dashboards.screenshots --types

replay: setup ## Run log files through the pipeline, no broker: make replay FILES="a.jsonl b.jsonl.gz" OUT=build/replay (COMPARE=main: what our change does to alerts)
	@test -n "$(FILES)" || { echo 'error: no input: say make replay FILES="a.jsonl b.jsonl.gz" OUT=build/replay' >&2; exit 2; }
	$(BIN)/hydrometer replay $(FILES) --out $(or $(OUT),build/replay) $(if $(COMPARE),--compare $(COMPARE))

evaluate: setup ## Measure the detector against the goals: seeds, ablations, grids, 40 minutes (QUICK=1: under 5; FIRST=41: other seeds)
	$(BIN)/python tests/evaluation/evaluate.py $(if $(QUICK),--quick) $(if $(FIRST),--first $(FIRST))

evaluate-evasion: setup ## Measure what each evasion costs a campaign and what it buys, four minutes
	$(BIN)/python tests/evaluation/evasion.py

evaluate-coverage: setup ## Measure what a log that lacks fields costs in campaigns found, for each gateway's format, 20 minutes (ONLY="litellm kong")
	$(BIN)/python tests/evaluation/profiles.py $(if $(ONLY),--only $(ONLY))

evaluate-authors: setup ## Measure the detector in worlds by several authors: make evaluate-authors WORLDS="harbour:1 foundry:2"
	$(BIN)/python tests/evaluation/authors.py $(WORLDS) --whole

train-evidence: setup ## Train the judgement of groups' members on the kept rows, judge it without each author in turn, and store it: a minute
	$(BIN)/python tests/evaluation/train_evidence.py

record-evidence: setup ## Replay the worlds of several authors and keep their rows to train on: an hour for the first time
	$(BIN)/python tests/evaluation/record_evidence.py

evaluate-detectors: setup ## Measure the River detectors on labelled sets, in time order
	$(BIN)/python tests/evaluation/detectors.py

evaluate-forensics: setup ## Measure the forensic tests on real models (needs the data beside the checkout)
	$(BIN)/python tests/evaluation/forensics.py

keep-figures: setup ## Keep what the bench, evaluate and mutants targets measured as this release's figures, in docs/data
	$(BIN)/python -m streams.testing.figures

new-feature: setup ## Write a feature and its test: make new-feature NAME=long_pauses ENTITY=account FAMILY=timing
	@test -n "$(NAME)" || { echo 'error: no name: say make new-feature NAME=long_pauses ENTITY=account FAMILY=timing' >&2; exit 2; }
	$(BIN)/hydrometer new-feature $(NAME) --entity $(or $(ENTITY),account) --family $(or $(FAMILY),content)

new-detector: setup ## Write a detector and its test: make new-detector NAME=night_shift
	@test -n "$(NAME)" || { echo 'error: no name: say make new-detector NAME=night_shift' >&2; exit 2; }
	$(BIN)/hydrometer new-detector $(NAME)

new-hypothesis: setup ## Write a benign hypothesis and its test: make new-hypothesis NAME=night_school
	@test -n "$(NAME)" || { echo 'error: no name: say make new-hypothesis NAME=night_school' >&2; exit 2; }
	$(BIN)/hydrometer new-hypothesis $(NAME)

new-sink: setup ## Write an outlet of findings and its test: make new-sink NAME=syslog
	@test -n "$(NAME)" || { echo 'error: no name: say make new-sink NAME=syslog' >&2; exit 2; }
	$(BIN)/hydrometer new-sink $(NAME)

new-format: setup ## Write a log format and its samples: make new-format NAME=our_gateway
	@test -n "$(NAME)" || { echo 'error: no name: say make new-format NAME=our_gateway' >&2; exit 2; }
	$(BIN)/hydrometer new-format $(NAME)

new-alert: setup ## Write an alert rule, its runbook and its test: make new-alert NAME=late_backup TEAM=oncall
	@test -n "$(NAME)" || { echo 'error: no name: say make new-alert NAME=late_backup TEAM=oncall' >&2; exit 2; }
	$(BIN)/hydrometer new-alert $(NAME) --team $(or $(TEAM),oncall)

kafka: setup ## Run Apache Kafka on 127.0.0.1:9092 until Ctrl-C (needs Java 17 and Maven)
	$(BIN)/python -m streams.devserver.kafka

helm-check: setup ## Check the Helm chart with helm, kubeconform and kube-linter, built once outside of the checkout (needs Go; WRITE=1: write the golden files; CRDS=DIR: definitions of Strimzi and Altinity; STRICT=1: what cannot be checked fails)
	$(BIN)/python tests/deploy/helm/check.py $(if $(WRITE),--write) $(if $(CRDS),--crds $(CRDS)) $(if $(STRICT),--strict)

pin-images: setup ## Write into deploy/ by which digests the registries hold the images that a deployment starts from (STRICT=1: fail when one cannot be asked)
	$(if $(STRICT),STRICT=1) $(BIN)/python tests/images.py

sbom: setup ## Write what the image's Python environment holds, with licences, as CycloneDX into build/sbom.cdx.json (needs the package index)
	@mkdir -p build
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python build/sbom
	$(BIN)/uv pip install --quiet --python build/sbom/bin/python --require-hashes -r requirements.lock
	$(BIN)/uvx --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --of JSON -o build/sbom.cdx.json build/sbom
	@echo "written: build/sbom.cdx.json"

docs: setup ## Build the documentation as a site, into build/site (SERVE=1: and show it at http://127.0.0.1:8000)
	$(BIN)/mkdocs build --quiet
	@echo "the site: build/site/index.html"
	$(if $(SERVE),$(BIN)/mkdocs serve --dev-addr 127.0.0.1:8000)

mutants: setup ## Change the code on purpose and see whether a test fails, half an hour (MUTANTS=30 a module, SEED=1, MODULE=streams/cases/labels.py; ALL=1: every mutant)
	$(BIN)/python -P tests/mutants.py $(if $(ALL),--all) $(if $(MUTANTS),--mutants $(MUTANTS)) $(if $(SEED),--seed $(SEED)) $(if $(MODULE),--module $(MODULE))

lock: setup ## Resolve the dependencies into the lock files, that of the benchmark's peers too (UPGRADE=1: newest versions of all)
	$(BIN)/uv pip compile --quiet $(if $(UPGRADE),--upgrade) --python-version 3.11 --generate-hashes --no-header --no-annotate --extra local --extra buckets --extra docs --extra forensics --extra sharing --extra dev -o requirements-dev.lock pyproject.toml
	$(BIN)/uv pip compile --quiet $(if $(UPGRADE),--upgrade) --python-version 3.11 --generate-hashes --no-header --no-annotate -c requirements-dev.lock -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet $(if $(UPGRADE),--upgrade) --python-version 3.11 --generate-hashes --no-header --no-annotate -o tests/bench/peers.lock tests/bench/peers.in

clean: ## Remove what the other targets made, the environment too
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
