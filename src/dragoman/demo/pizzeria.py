"""The main job, start to finish: train on the pizzeria, test on combinations never seen, tell what was learnt."""
