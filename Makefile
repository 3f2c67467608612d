# Entry points for people and for CI. `make help` lists them.
.DEFAULT_GOAL := build
BUILD := build/release
JOBS ?= $(shell nproc)

.PHONY: help build clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BUILD)/build.ninja:
	cmake --preset release

build: $(BUILD)/build.ninja  ## the product: libraries, command, Python module
	cmake --build $(BUILD) -j $(JOBS) --target product

clean:  ## remove build/
	rm -rf build
