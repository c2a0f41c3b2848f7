"""Files and folders of instruments and tools, read as sections, references, images and transcripts."""
