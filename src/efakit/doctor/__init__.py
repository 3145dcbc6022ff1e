"""What a node, an image and a cluster must have for EFA and the hooks to work, and what mends it."""
