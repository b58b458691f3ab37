"""What is done with meshes: building and repairing them, normals, proxies, samples of their surface."""
