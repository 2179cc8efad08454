# Quiniela. `make help` lists the targets; `make demo` and `make test` need no other target first.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build
.PHONY: help build pki console console-program demo demo-day demo-console demo-tls test check tsan faults soak fuzz mutants lint format dataset clean remove-draws toolchain

# With colors the compiler's options depend on whether a terminal reads the output, and each change between a terminal
# and a pipe compiles everything again.
SWIFT_BUILD := swift build --no-color-diagnostics

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 22

toolchain:
	@scripts/toolchain

build: toolchain ## Build the three programs (release)
	scripts/release bet-ingest
	scripts/release winners-service
	scripts/release agency
	@echo "The programs are in .build/release: bet-ingest, winners-service, agency"

pki: toolchain ## Build bet-ingest pki, which makes keys and certificates (release)
	scripts/release bet-ingest-pki

console-program: toolchain
	scripts/release console

console: build console-program ## Run the demo's draw with the operator's page beside it, until Ctrl-C
	CONSOLE=1 scripts/demo

demo: build ## Run a draw of five agencies and show its winners; KEEP=1 keeps its folder
	scripts/demo

demo-day: build $(if $(filter 1,$(CONSOLE)),console-program) ## Run a day of five draws and 20 agencies in two minutes; CONSOLE=1 with the page; KEEP=1 keeps its folder
	scripts/demo-day

demo-console: ## Run demo-day with the operator's page at a printed address
	$(MAKE) demo-day CONSOLE=1

demo-tls: build pki ## Run a draw with keys, a roster and TLS, a rejected client and an agency that is cut off; KEEP=1 keeps its folder
	scripts/demo-tls

test: toolchain ## Run all tests; QUINIELA_DATASET=FOLDER includes those on its agency files
	$(SWIFT_BUILD) --build-tests --explicit-target-dependency-import-check error
	swift test --skip-build

check: export QUINIELA_STRICT = 1
check: toolchain lint test ## Run what CI runs: format, warnings as errors, import direction, all tests

tsan: toolchain ## Run the tests of threaded code under the thread sanitizer, and a canary race (fifteen minutes)
	$(SWIFT_BUILD) --build-tests --sanitize=thread --scratch-path .build-tsan
	TSAN_OPTIONS=halt_on_error=0:exitcode=66 swift test --skip-build --sanitize=thread --scratch-path .build-tsan \
	  --filter 'BetIngestTests|WinnersServiceTests|IngestPortTests|UnauthenticatedPeerTests|RestartTests|Dialect|MonitorTests|FileLockTests|MailboxTests|EntryTests|TLS'
	! TSAN_CANARY=1 TSAN_OPTIONS=exitcode=66 swift test --skip-build --sanitize=thread --scratch-path .build-tsan \
	  --filter RaceCanaryTests >.build-tsan/canary.log 2>&1
	grep -qE 'WARNING: ThreadSanitizer: (data|Swift access) race' .build-tsan/canary.log

soak: build ## Kill the programs (release) with -9 at random moments: make soak CYCLES=1000 SEED=7
	$(SWIFT_BUILD) --build-tests
	PROGRAMS="$$(swift build -c release --show-bin-path)" SOAK_CYCLES=$(or $(CYCLES),1000) $(if $(SEED),SOAK_SEED=$(SEED)) \
	  swift test --skip-build --filter SoakTests

RELEASE = -c release -Xswiftc -enable-testing --scratch-path .build-faults

faults: toolchain ## Run the checks of docs/reliability.md, in minutes: simulated draws, crash points, faults, crowds
	$(SWIFT_BUILD) --build-tests $(RELEASE)
	FAULTS=full SIMULATION_DRAWS=$(or $(DRAWS),30000) swift test --skip-build $(RELEASE) \
	  --filter 'SimulationTests|CommitFaultTableTests|HistoryTests|FaultTests'
	FAULTS=full swift test --skip-build $(RELEASE) --no-parallel --filter CrowdTests

fuzz: toolchain ## Fuzz the code that reads bytes from others: make fuzz RUNS=100000 (each; the first build takes six minutes)
	scripts/fuzz $(or $(RUNS),100000)

# Listed by name: the links beside them lead back to Sources.
FUZZERS := Fuzzing/Package.swift $(wildcard Fuzzing/Sources/Fuzz*)

# ---- Speed. Needs python3; the ledgers are written to BENCH_FOLDER, by default the folder for temporary files.

.PHONY: bench bench-quick bench-check bench-programs

# TLS is measured if OpenSSL's headers are there (libssl-dev).
bench-programs: export BENCH_TLS = $(if $(wildcard /usr/include/openssl/ssl.h),1)
bench-programs: build pki console-program
	$(SWIFT_BUILD) -c release --package-path Benchmarks

bench-quick: bench-programs ## Measure bet-ingest beside the limit of this machine (two minutes)
	python3 Benchmarks/bench.py quick

bench: bench-programs ## Measure everything: settings, draws, agencies, consultations, installed rivals (twenty minutes); RIVALS=1 installs the others
	cp Package.resolved Benchmarks/Echo/
	$(SWIFT_BUILD) -c release --static-swift-stdlib --package-path Benchmarks/Echo
	Benchmarks/rivals/setup $(if $(filter 1,$(RIVALS)),install)
	python3 Benchmarks/bench.py full

bench-check: bench-programs ## Fail if a row is worse than its committed ratio
	python3 Benchmarks/bench.py check

lint: toolchain ## Check the format
	swift format lint --strict --parallel --recursive Sources Tests Plugins Package.swift $(FUZZERS)

format: toolchain ## Apply the format
	swift format --in-place --parallel --recursive Sources Tests Plugins Package.swift $(FUZZERS)

dataset: toolchain ## Make sample files: make dataset BETS=3000 SEED=39 AGENCIES=5 FOLDER=data
	scripts/release agency
	.build/release/agency dataset --bets $(or $(BETS),3000) --seed $(or $(SEED),39) \
	  --agencies $(or $(AGENCIES),5) --folder "$${FOLDER:-data}" $(if $(filter 1,$(FORCE)),--force)

# ---- The ledger on several machines (docs/cluster.md). Needs libnats-dev; scripts/cluster install brings the server.

.PHONY: cluster demo-cluster check-cluster faults-cluster

CLUSTER_BUILD = --traits JetStream --scratch-path .build-cluster/build
CLUSTER_PROGRAMS = $(CURDIR)/.build-cluster/build/release

cluster: toolchain ## Build the programs with a ledger on several machines (release)
	for program in bet-ingest winners-service agency bet-ingest-pki; do scripts/release $$program $(CLUSTER_BUILD); done
	@echo "The programs are in .build-cluster/build/release"

demo-cluster: toolchain ## Run a draw of 20 agencies on three servers and three nodes, of which some are killed; KEEP=1 keeps its folder
	scripts/demo-cluster prepare
	$(MAKE) cluster
	PROGRAMS=$(CLUSTER_PROGRAMS) scripts/demo-cluster

check-cluster: toolchain ## Run the tests on three real servers, with the programs of a debug build
	scripts/cluster install
	$(SWIFT_BUILD) --build-tests --traits JetStream --explicit-target-dependency-import-check error
	CLUSTER=1 swift test --skip-build --traits JetStream --no-parallel --filter '^ClusterTests\.'

faults-cluster: cluster ## Make machines of a cluster fail under load, each fault 20 times (two hours; as root, with iproute2)
	scripts/cluster install
	$(SWIFT_BUILD) --build-tests
	CLUSTER=1 FAULTS=full PROGRAMS=$(CLUSTER_PROGRAMS) swift test --skip-build --no-parallel --filter '^ClusterTests\.'

mutants: toolchain ## Break the code in known ways, one at a time, and show that a test fails for each: make mutants ONLY=ledger
	scripts/mutants $(ONLY)

clean: ## Remove build products, and nothing else
	rm -rf .build .build-tsan .build-faults .build-mutants .build-cluster/build .build-browser Fuzzing/.build Benchmarks/.build Benchmarks/Echo/.build Benchmarks/rivals/build

remove-draws: ## Remove the draws of ./data with every bet in them, unless a service is using them
	@scripts/remove-draws

# ---- Containers: Docker, or podman. COMPOSE is a file of generar-compose.sh, QUINIELA_DATASET a folder of agency files.

.PHONY: docker-image docker-compose-up docker-compose-logs docker-compose-down

docker-image: ## Build the images quiniela-ingest, -winners, -agency and -netcat
	scripts/containers image

docker-compose-up: docker-image ## Start both services and the agencies in containers
	scripts/containers up "$${COMPOSE:-}"

docker-compose-logs: ## Show their log lines; on a terminal until Ctrl-C
	scripts/containers logs "$${COMPOSE:-}"

docker-compose-down: ## Stop everything and remove it, the stored bets included
	scripts/containers down "$${COMPOSE:-}"
