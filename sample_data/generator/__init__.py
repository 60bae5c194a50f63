"""The generator of the sample log: hides how a fictional support assistant's traffic is invented."""
