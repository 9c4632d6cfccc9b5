"""What the `stepwrap` command does before Keras is loaded; it needs nothing but Python."""
