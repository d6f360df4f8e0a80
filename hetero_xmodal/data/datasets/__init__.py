"""One module a data set or folder layout."""
