"""What the service is asked to do, whoever asks: a page, the API, a command, an import."""
