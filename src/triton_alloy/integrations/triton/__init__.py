"""The Triton plug-in: entry point `metal` of group `triton.backends` (compiler.py and driver.py are upstream's names)."""
