"""``python -m theus``."""

from theus.cli import main

if __name__ == "__main__":
    main()
