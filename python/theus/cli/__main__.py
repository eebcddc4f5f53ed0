"""``python -m theus.cli``."""

from theus.cli import main

if __name__ == "__main__":
    main()
