"""A result on disk: the files of a plan, written and read again."""
