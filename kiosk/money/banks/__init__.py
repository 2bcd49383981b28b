"""The bank port and one folder for each family of banks."""
