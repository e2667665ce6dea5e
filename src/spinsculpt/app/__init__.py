"""What people use: command line, notebook, workbench, and the plan of the workflow."""
