"""``python -m directions``: list, learn, calibrate and evaluate editing directions."""

from directions.cli import run

if __name__ == "__main__":
    run()
