"""Programs that run inside a grading box. Standard library only; they import nothing but each other."""
