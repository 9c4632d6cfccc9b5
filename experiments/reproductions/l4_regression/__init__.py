"""L4 on badly conditioned regression."""
