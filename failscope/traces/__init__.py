"""What production said: the trace table, its checks, and the reading of every log format."""
