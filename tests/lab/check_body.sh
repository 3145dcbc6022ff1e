#!/bin/bash
# The body of a job: it comes right after the check of the nodes, and decides itself whether a failure ends it.
echo "check ends $EPOCHREALTIME"
false
echo "the body goes on after a failure"
