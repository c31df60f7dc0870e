"""What `make run` is made of: the environment, the processes, the round over all datasets."""
