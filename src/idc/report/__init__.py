"""What people read of a centre: pictures, matrices and the command reference. Pure."""
