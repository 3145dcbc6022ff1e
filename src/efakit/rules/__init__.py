"""Pure evaluation of the catalog's rows for a stack, an instance type and a workload."""
