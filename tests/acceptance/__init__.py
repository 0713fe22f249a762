"""The acceptance statements of the specification and the tests that prove them: docs/acceptance.md."""
