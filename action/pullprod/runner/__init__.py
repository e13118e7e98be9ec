"""pullprod as a step of a GitHub workflow: inputs and identity in, outputs, summary and comment out."""
