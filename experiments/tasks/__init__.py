"""The tasks, each of which is a function of the data folder that returns a `Task`."""
