"""L4 on a recurrent network."""
