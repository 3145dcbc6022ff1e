# make demo    the whole loop on this machine: a spec, its bundle, the real pcluster, a real Slurm, two reports
# make test    every check: format, lint, types, shell, unit, property, golden, pcluster and end-to-end tests
# make check   the fast part of it, for the inner loop
# make coverage which lines the fast part runs
# make platforms-check the vendors' tools that are too large for make test: SageMaker's SDK, line 3
# make lab-24.11 and make lab-26.05: the lab's tests on other releases of Slurm, each in a Debian tree of its own
# make bench   speed, as ratios
# A Debian or Ubuntu machine with Python 3.10 or later, and root or sudo, is all that they need.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Bytecode is kept, and lies beside no source.
export PYTHONPYCACHEPREFIX := $(CURDIR)/.cache/bytecode

PYTEST := python -m pytest
# What needs nothing but the virtual environment.
PLAIN := not spark and not pcluster and not dstack and not eks and not sagemaker and not images and not lab and not registry and not browser
export PYTEST_DEBUG_TEMPROOT := $(shell scripts/temp-root.sh)
CODE := src tests scripts
SHELLS := $(wildcard prolog/*.sh prolog/*.d/* prolog/*-hook prolog/task-prolog prolog/efakit-* prolog/health-check scripts/*.sh tests/lab/*.sh) .ci/run

.PHONY: help demo test check platforms-check coverage bench format clean system

help:
	@sed -n 's/^# \(make\)/\1/p' Makefile

# Renewed when the project's dependencies change.
.venv/ready: pyproject.toml scripts/setup-venv.sh
	scripts/setup-venv.sh .venv

# A second release of ParallelCluster, whose own validators judge what is rendered for it.
OLDER := 3.13.2
.venv-pcluster/ready: pyproject.toml scripts/setup-venv.sh
	scripts/setup-venv.sh .venv-pcluster --editable . 'aws-parallelcluster==$(OLDER)' 'moto[server]>=5.2' 'boto3>=1.34'

# dstack wants other releases of what ParallelCluster wants.
.venv-dstack/ready: pyproject.toml scripts/setup-venv.sh
	scripts/setup-venv.sh .venv-dstack --editable '.[dstack]'

.venv-eks/ready: pyproject.toml scripts/setup-venv.sh
	scripts/setup-venv.sh .venv-eks --editable '.[eks]'

# Line 2 of SageMaker's SDK; line 3 takes a gigabyte and, with the training toolkit, is for platforms-check.
.venv-sagemaker/ready: pyproject.toml scripts/setup-venv.sh
	scripts/setup-venv.sh .venv-sagemaker --editable '.[sagemaker-v2]'

.venv-sagemaker3/ready: pyproject.toml scripts/setup-venv.sh
	scripts/setup-venv.sh .venv-sagemaker3 --editable '.[sagemaker]' sagemaker-training

# A site's own Spark reads the store by the same queries.
.venv-spark/ready: pyproject.toml scripts/setup-venv.sh
	scripts/setup-venv.sh .venv-spark --editable '.[fleet]' 'pyspark>=4,<5'

system:
	scripts/setup-system.sh

# The inner loop draws fewer examples.
check: export HYPOTHESIS_PROFILE ?= quick
check: .venv/ready
	ruff format --check $(CODE)
	ruff check $(CODE)
	mypy
	lint-imports
	vermin --quiet --target=3.9- --no-tips --violations --eval-annotations --backport typing $$(python -m scripts.rooms)
	shellcheck $(SHELLS)
	# By files: of thousands of tests that take milliseconds, handing them out one by one is the largest part.
	$(PYTEST) -q -m "$(PLAIN) and not thorough" -n auto --dist loadfile

# Debian trees with other releases of Slurm.
TREES := lab-tree-24.11 lab-tree-26.05

.PHONY: environments torch pythons prometheus browser java computing single waiting test-images test-sagemaker test-browser test-spark
environments: .venv/ready .venv-pcluster/ready .venv-dstack/ready .venv-eks/ready .venv-sagemaker/ready .venv-spark/ready torch pythons prometheus browser java $(TREES)

prometheus:
	scripts/setup-prometheus.sh .cache/prometheus

# After prometheus: both may ask apt for its lists anew, which one at a time can.
browser: prometheus
	scripts/setup-browser.sh .cache/axe

# After the browser, for the same reason.
java: browser
	scripts/setup-java.sh

torch: .venv/ready
	scripts/setup-torch.sh .venv-torch

pythons:
	scripts/setup-pythons.sh .venv-pythons

# A quarter of the time of the thorough tests is waiting, for a second look at a device or for a deadline: so they have more
# workers than cores, and who has none left takes another's, since the last ones are the hook's and take seconds each.
MORE_THAN_CORES := -n $(shell echo $$((2 * $$(nproc)))) --dist worksteal

# The hook's tests run by themselves: they hold it to its deadlines. So do its 512 epilogs at once, beside which no deadline
# holds, and what compares the machine before and after.
test: system
	$(MAKE) --jobs=4 --output-sync=target environments
	HYPOTHESIS_PROFILE=efakit $(MAKE) check
	scripts/as-root.sh $(PYTEST) -q -m "$(PLAIN) and thorough" $(MORE_THAN_CORES)
	$(MAKE) --jobs=4 --output-sync=line computing single waiting
	scripts/as-root.sh $(PYTEST) -m lab $(MORE_THAN_CORES) --ignore=tests/hook/storm tests/hook
	scripts/as-root.sh $(PYTEST) -q -m lab tests/hook/storm
	PYTEST_DEBUG_TEMPROOT= scripts/as-root.sh $(PYTEST) -m alone tests/lab
	@echo "make test: all checks passed; what was skipped is listed above with its reason"

# One after the other: each has a worker for each core.
computing:
	$(PYTEST) -m "pcluster or registry" -n auto
	.venv-pcluster/bin/python -m pytest -q -m pcluster -n auto tests/pcluster/test_judge.py tests/pcluster/test_versions.py
	.venv-dstack/bin/python -m pytest -m dstack -n auto tests/dstack
	.venv-eks/bin/python -m pytest -m eks -n auto tests/eks

# One worker each: from the beginning, since at the end a core would stand idle beside them.
single:
	$(MAKE) --jobs=1 test-images test-sagemaker test-browser test-spark

# The lab waits more than it computes: two releases of Slurm at a time, beside what computes. What it waits for may take
# a minute and more, so that a busy machine fails no test.
waiting: test-lab test-lab-26.05 test-lab-24.11

test-images:
	scripts/as-root.sh $(PYTEST) -q -m images tests/images

test-sagemaker:
	.venv-sagemaker/bin/python -m pytest -q -m sagemaker tests/sagemaker

test-browser:
	$(PYTEST) -q -m browser tests/report

test-spark: .venv-spark/ready
	scripts/setup-java.sh
	.venv-spark/bin/python -m pytest -q -m spark tests/spark

platforms-check: .venv-sagemaker3/ready
	scripts/as-root.sh .venv-sagemaker3/bin/python -m pytest -m sagemaker tests/sagemaker

# A file's tests share a cluster. More workers than cores: they wait.
ON_LAB := -n 4 --dist loadfile
.PHONY: lab-24.11 lab-26.05 test-lab test-lab-24.11 test-lab-26.05 $(TREES)
$(TREES): lab-tree-%:
	scripts/as-root.sh scripts/lab-tree.sh $*

# Not in memory: the lab mounts a /dev/shm of its own over it. By their folders: to look through all tests takes each
# worker longer than one of the lab's computes.
test-lab:
	PYTEST_DEBUG_TEMPROOT= scripts/as-root.sh $(PYTEST) -m "lab and not alone" $(ON_LAB) tests/lab tests/slurm

# A cluster's day has 200 jobs on the machine's own Slurm, and fewer on the others: each starts its hooks a thousand times.
IN_TREE := scripts/as-root.sh env EFAKIT_PRODUCTION_JOBS=80 scripts/lab-tree.sh

# In a tree those of them that compare the machine are alone, in namespaces of their own.
test-lab-26.05:
	$(IN_TREE) 26.05 $(PYTEST) -m "lab and not alone" $(ON_LAB) tests/lab tests/slurm
	scripts/as-root.sh scripts/lab-tree.sh 26.05 $(PYTEST) -m alone tests/lab

# What installs hooks, and what they are told; real ranks of PyTorch run on the other two.
HOOKS_ON_LAB := $(addprefix tests/lab/test_,$(addsuffix .py,cluster enforce hooks_commands loop production runs task_prolog uninstall))
test-lab-24.11:
	$(IN_TREE) 24.11 $(PYTEST) -m lab -k "not torchrun" $(ON_LAB) $(HOOKS_ON_LAB)

lab-24.11 lab-26.05: lab-%: system torch
	scripts/as-root.sh scripts/lab-tree.sh $* $(PYTEST) -m "lab and not alone" $(ON_LAB) tests/lab tests/slurm tests/hook
	scripts/as-root.sh scripts/lab-tree.sh $* $(PYTEST) -m alone tests/lab

coverage: .venv/ready
	$(PYTEST) -q -m "$(PLAIN) and not thorough" -n auto --cov --cov-report=term:skip-covered

demo: system .venv/ready
	scripts/as-root.sh python scripts/demo.py

bench: .venv/ready
	scripts/as-root.sh python -m scripts.bench

format: .venv/ready
	ruff format $(CODE)
	ruff check --fix $(CODE)

clean:
	scripts/as-root.sh rm -rf --one-file-system .cache/lab
	rm -rf .venv .venv-* .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
