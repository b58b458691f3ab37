"""What the renderer of meshes is made of: buffers, surfaces, textures, skins."""
