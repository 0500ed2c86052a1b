"""The page of a run. Its modules are imported by themselves: `layout` serves pictures too, which read no transcripts."""
