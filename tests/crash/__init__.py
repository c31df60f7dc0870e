"""Crashes, full disks, cut power and flipped bits: what the lake keeps in spite of them."""
