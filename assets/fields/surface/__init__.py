"""Where a field has its surface, as triangles, and what that looks like."""
