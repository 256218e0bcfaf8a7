"""The publisher's side: keys, signing requests, and a repository of plain files that any static host can serve."""
