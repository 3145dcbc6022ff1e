"""Writes a plan as text: one file a target. Pure; who writes to disk is the command line."""
