"""What the renderer of splats is made of: textures, projection, order, shapes, picks, lights."""
