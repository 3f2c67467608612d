# Entry points for people and for CI. `make help` lists them.
.DEFAULT_GOAL := build
BUILD := build/release
JOBS ?= $(shell nproc)
PYTHON := $(or $(TENON_PYTHON),.venv/bin/python)
SOURCES = $(shell git ls-files --cached --others --exclude-standard '*.cc' '*.h')

.PHONY: help demo build build-all test test-slow bench bench-memory bench-parallel conformance mutate fuzz format format-check includes-check docs-check clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo:  ## install what is missing, build, and show Tenon on real models
	@scripts/demo.sh

build: $(BUILD)/build.ninja  ## the product: libraries, command, Python module
	@cmake --build $(BUILD) -j $(JOBS) --target product

build-all: $(BUILD)/build.ninja  ## the product and the C++ tests
	@cmake --build $(BUILD) -j $(JOBS)

test:  ## everything that CI checks
	@scripts/run_tests.sh

test-slow:  ## the C++ tests under Clang, ASan+UBSan and TSan, a long soak, every test model in every way, fuzzing
	@JOBS=$(JOBS) scripts/run_slow_tests.sh

bench: $(BUILD)/build.ninja  ## speed against ONNX Runtime, both in one process
	@cmake --build $(BUILD) -j $(JOBS) --target product tenon_bench
	PYTHONPATH=$(BUILD)/python $(PYTHON) bench/bench.py

bench-memory: build  ## memory against ONNX Runtime, in fresh processes
	PYTHONPATH=$(BUILD)/python $(PYTHON) bench/memory.py

bench-parallel: build  ## parallel mode against one thread, two, and ONNX Runtime's
	PYTHONPATH=$(BUILD)/python $(PYTHON) bench/parallel.py

conformance: build  ## ONNX backend cases and the sweep over every operator, version and type: totals and per operator
	@status=0; export PYTHONPATH=$(BUILD)/python; \
	$(PYTHON) tests/conformance/backend_suite.py --ops || status=1; \
	$(PYTHON) tests/conformance/sweep.py --ops --models 4 || status=1; exit $$status

mutate: build-all  ## change kernels and validator in random places; the tests must notice
	$(PYTHON) scripts/mutate.py

fuzz:  ## fuzz the loader for FUZZ_SECONDS (60)
	@JOBS=$(JOBS) scripts/fuzz.sh

format:  ## rewrite the C++ sources in the agreed format
	@clang-format -i $(SOURCES)

format-check:  ## fail where a C++ source is not in that format
	@clang-format --dry-run -Werror $(SOURCES)

includes-check:  ## fail where a room includes what it must not, or a file is too long
	@scripts/check_includes.py

docs-check:  ## run the commands of README and docs, and the examples
	@$(PYTHON) scripts/check_docs.py

clean:  ## remove build/
	rm -rf build

# Configured anew when it does not exist; CMake itself notices later changes.
$(BUILD)/build.ninja:
	@cmake --preset release >/dev/null
