"""SmileTill's kiosk: the process that sees faces, the process that moves money, and the rules."""
