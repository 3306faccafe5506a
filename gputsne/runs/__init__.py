"""Runs from files to files: what is read, the job that does it, how it ended, its record."""
