"""What is done with splats: their columns, turning and stretching them, their order."""
