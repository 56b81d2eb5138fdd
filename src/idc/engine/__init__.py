"""What does I/O towards engines, hosts and this machine."""
