"""The control API: one authenticated app behind two loopback doors, and the client that speaks to it.

Everybody but the daemon itself comes through here. The package knows nothing of the runtime: it declares the facade it
serves (`facade.Runtime`), and the composition root hands one in.
"""
