"""New planes for a field that a drag has bent."""
