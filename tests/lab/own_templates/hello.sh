#!/bin/bash
# Greets with its arguments, however odd they are.
echo "hello $*"
