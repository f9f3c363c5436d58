"""The result in JSON, as a table and as a page."""
