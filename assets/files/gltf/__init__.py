"""glTF 2.0: the container, its accessors, materials and scene graph, read and written."""
