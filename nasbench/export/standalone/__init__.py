"""Files that are delivered as they are."""
