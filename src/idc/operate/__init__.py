"""What an operator does with a centre: the phases of `up`, and closing, retiring, destroying."""
