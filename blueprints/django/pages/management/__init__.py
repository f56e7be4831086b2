"""See pages/__init__.py."""
