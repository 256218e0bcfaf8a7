"""`mooring …`: thin commands over the control API's client or one library call."""
