"""`python -m mooring`."""

from mooring.cli.main import program

if __name__ == "__main__":
    program()
