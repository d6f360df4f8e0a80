"""What each task makes of a data set."""
