"""Judges a spec or a cluster config: efakit's rules, vendors' judges."""
