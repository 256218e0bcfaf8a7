"""Where bars come from: recorded files, a made-up market, their feeds, the clocks, and the universe."""
