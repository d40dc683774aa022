"""What is watched again and again beside the goal state; each file is one duty: observe, plan, run."""
