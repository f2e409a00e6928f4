"""The ways in: files and standard input, HTTP, and the topic `requests-raw`."""
