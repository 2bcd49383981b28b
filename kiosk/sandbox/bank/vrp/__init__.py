"""The open-banking door of the sandbox bank: UK Open Banking VRP over mutual TLS."""
