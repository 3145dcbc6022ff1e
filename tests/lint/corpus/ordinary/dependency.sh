#!/usr/bin/env bash
# Submits three stages, each after the one before.
set -euo pipefail

first=$(sbatch --parsable prepare.sbatch)
second=$(sbatch --parsable --dependency=afterok:"$first" train.sbatch)
sbatch --dependency=afterany:"$second" --export=ALL,STAGE=report report.sbatch
echo "submitted $first, $second"
