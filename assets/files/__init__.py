"""What file formats are made of: headers and columns, archives, companions, pictures, tensors, strict JSON."""
