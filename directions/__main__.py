"""``python -m directions``: list, learn, calibrate and evaluate editing directions."""

from directions.cli import main

if __name__ == "__main__":
    main()
