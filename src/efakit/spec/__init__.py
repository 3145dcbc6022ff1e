"""The spec: its JSON Schema, its reading with line numbers, and its frozen dataclasses."""
