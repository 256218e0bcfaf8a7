"""THE STEP: features, signals, strategy, risk, order intents, as one pure function."""
