"""Pure decisions: from a spec and the catalog to a plan, each decision with its reason."""
