# SPDX-License-Identifier: GPL-2.0-or-later
# The commands of a developer's day. Each does its own set-up, once; everything lands in build/.

MESON := build/meson

.PHONY: help run test check bench soak engine console driver images lint format setup clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

run: console images ## Center and a managed PC, until Ctrl-C; SCRIPTED=1 ends by itself; ENTRY=stock; DEMO=engine: Engine alone
	SCRIPTED=$(SCRIPTED) ENTRY=$(ENTRY) testbed/$(if $(filter engine,$(DEMO)),demo,managed)

test: ## everything: make check, a short fuzzing, console and agent, the managed PC, Linux's own tests of KVM, scenarios
	$(MAKE) --no-print-directory -j3 test-fuzz test-console test-images
	$(MAKE) --no-print-directory -j2 test-pcs test-agent

# What needs no emulated PC keeps both CPUs busy while images are made, which waits for packages and the disk.
.PHONY: test-fuzz test-console test-images
test-fuzz: check
	tests/fuzz --seed 1 --seconds 3
test-console: console engine
	tests/console/run
test-images: engine driver
	testbed/build-images --all

# At most two emulated PCs at a time, and only beside one thing that mostly waits: three on two CPUs are late for what
# the tests wait for. So everything that starts one takes its turn, the longest first.
.PHONY: test-pcs test-agent
test-pcs:
	testbed/run-scenarios --fast --on engine \
		--with "tests/managed/run engine recovery" \
		--with "testbed/run-selftests --on engine --agreed --limit 60" \
		--with "testbed/run-bochs locked"
test-agent:
	cd tests/agent && /usr/bin/python3 -m unittest

check: engine ## unit tests and style, within a minute
	tests/check

bench: engine driver images ## measure Engine against Debian's own KVM, Center with 1,000 PCs, and reverts
	testbed/run-bench
	tests/center/bench
	tests/agent/bench

soak: engine driver images ## what takes longer, in parts of about an hour at most; PART=repeat for one, testbed/run-soak --list
	testbed/run-soak $(PART)

engine: setup ## compile everything but the driver, with the unit tests
	@test -f $(MESON)/build.ninja || meson setup $(MESON)
	ninja -C $(MESON)

console: setup ## build Center's web console
	center/console/build

driver: setup ## compile nxtop.ko
	testbed/build-driver

images: engine driver ## make the disks of the emulated PCs
	testbed/build-images

lint: setup ## check style, and the mistakes that tools find without running anything
	testbed/lint

format: setup ## put the C code into the style of .clang-format
	find . \( -path ./build -o -name node_modules \) -prune -o -name '*.[ch]' -exec clang-format -i {} +

setup:
	@testbed/setup/install

clean: ## remove build/, but not the images that take minutes to make: see build/images
	rm -rf $(MESON) build/fuzz build/driver build/runs
