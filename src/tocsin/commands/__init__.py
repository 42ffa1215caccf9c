"""What each command takes and does, one file each. Heavy imports wait until a command runs."""
