"""Where an update's time goes: `dragoman train --profile`."""
