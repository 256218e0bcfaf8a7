"""The menu bar: a process of its own, which sees and asks through the control API and holds no secret."""
