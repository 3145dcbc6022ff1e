"""The records: reading, and the verdict."""
