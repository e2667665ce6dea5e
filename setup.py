"""Puts the workflow beside the code of a wheel, as spinsculpt/_workflow; everything else is in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

WORKFLOW = ("Snakefile", "workflow", "config", "envs", "profiles")


class WithWorkflow(build_py):
    def run(self):
        super().run()
        if self.editable_mode:  # the checkout has it
            return
        app = Path(self.build_lib) / "spinsculpt" / "_workflow"
        shutil.rmtree(app, ignore_errors=True)
        for name in WORKFLOW:
            source, copy = Path(__file__).parent / name, app / name
            if source.is_dir():
                shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, copy)


setup(cmdclass={"build_py": WithWorkflow})
