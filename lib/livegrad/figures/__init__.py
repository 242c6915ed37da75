"""Draw one result on a figure that is given. Nothing here computes or touches pyplot."""
