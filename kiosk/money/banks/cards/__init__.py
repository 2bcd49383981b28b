"""The connector for cards on file, by the public shape of Stripe's off-session payments."""
