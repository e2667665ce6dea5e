"""What every part needs: errors, conventions, files and folders, tables, provenance, progress, plotting, jobs."""
