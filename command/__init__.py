"""The `stepwrap` command, before Keras is loaded; it needs nothing but Python."""
