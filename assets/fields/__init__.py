"""Fields stored as planes: the schema, its evaluation, and the bricks that are baked from it."""
