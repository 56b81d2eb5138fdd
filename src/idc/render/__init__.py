"""Files of hosts and services, rendered from the plan by the templates. Pure: same plan, same text, no I/O but templates."""
