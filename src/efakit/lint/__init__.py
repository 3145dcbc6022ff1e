"""Findings in cluster configs, ours or anybody's. Pure: reads values, opens nothing."""
