"""What happens when the state changes or the user acts. No widgets."""
