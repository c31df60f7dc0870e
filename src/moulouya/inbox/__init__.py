"""The upload inbox: partners hand in files over https and get a receipt once they are durable."""
