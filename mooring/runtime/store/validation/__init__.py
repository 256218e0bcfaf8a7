"""SQL files that each prove one rule of the books; see `verify_books`."""
