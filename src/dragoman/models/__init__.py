"""The contract and those who keep it."""
