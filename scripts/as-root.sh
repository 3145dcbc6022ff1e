#!/bin/bash
# Runs a command as root: as it is where one is root already, else with sudo and the present PATH.
if [ "$(id -u)" = 0 ]; then exec "$@"; fi
exec sudo env "PATH=$PATH" "PYTEST_DEBUG_TEMPROOT=${PYTEST_DEBUG_TEMPROOT-}" "PYTHONPYCACHEPREFIX=${PYTHONPYCACHEPREFIX-}" "$@"
