"""Pictures in and out, and faces in them: reading, saving, finding, aligning, pasting back."""
