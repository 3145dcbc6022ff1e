"""Why, and what next: what the logs of a job say."""
