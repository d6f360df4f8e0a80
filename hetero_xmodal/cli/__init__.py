"""The command line ``hetero-xmodal``."""
