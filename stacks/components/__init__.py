"""The parts that the stacks are made of: one ComponentResource a file."""
