"""Where orders come in: the till's side of the money process."""
