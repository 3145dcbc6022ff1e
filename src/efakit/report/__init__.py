"""Shows what jobs/ found: text for people, JSON for programs."""
