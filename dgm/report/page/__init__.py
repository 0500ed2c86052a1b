"""The page of a run. Its modules are imported by themselves: `layout` serves pictures, which read no transcripts."""
