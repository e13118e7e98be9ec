"""The pullprod client: packages a commit, publishes it, and moves pointers through the control plane's API."""

__version__ = "0.1.0"
