"""What the renderer of triplanes is made of: bricks on the card, rays, rules, programs, sheets, bent space."""
