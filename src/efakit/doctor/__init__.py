"""What a cluster must have for the hooks to work."""
