"""Published results, done again: a folder for each, with a page that compares the two."""
