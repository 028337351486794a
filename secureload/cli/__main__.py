"""`python -m secureload.cli`."""

from secureload.cli import main

main()
