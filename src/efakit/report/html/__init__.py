"""Reports as pages: one file each that opens offline and runs no script."""
