"""What is installed, what runs, what is tried: slots, a journal in two copies, and the fourteen steps between."""
