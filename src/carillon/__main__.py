"""`carillon` and `python -m carillon`."""

from carillon.cli.app import main

if __name__ == "__main__":
    main()
