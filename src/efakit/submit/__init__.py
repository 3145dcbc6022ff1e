"""Before, during and after ``sbatch``: looks, submits once, waits."""
