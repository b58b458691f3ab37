"""A field decoded into bricks, which the GPU marches instead of the decoder: the job, its levels, what they hold."""
