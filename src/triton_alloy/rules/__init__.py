"""Rewrites by op name, and the driver that applies them. Tables; who runs which is said by the passes."""
