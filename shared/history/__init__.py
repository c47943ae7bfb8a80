"""Price files: rows in, bars out, each defect named with file and row."""
