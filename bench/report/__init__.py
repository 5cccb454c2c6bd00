"""The report: `make bench` measures what is in it and writes docs/benchmarks.md."""
