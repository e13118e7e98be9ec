"""`python -m pullprod`."""

from pullprod.cli import main

if __name__ == "__main__":
    main()
