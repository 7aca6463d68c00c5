"""The tests, a package so that they can share `tests.openapi` and the like."""
