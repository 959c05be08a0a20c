"""What keeps a training from being lost: checkpoints, recovery, memory that gives out, logs, signals."""
