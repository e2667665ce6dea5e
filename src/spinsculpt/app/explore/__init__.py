"""The workbench in the browser: choose, move a slider, see. It holds no physics: the library computes all it shows."""

from spinsculpt.app.explore._bench import Shown, configuration, diagram, profiles, show, under
from spinsculpt.app.explore._save import begun, notebook_text, read_saved, saved, yaml_text
from spinsculpt.app.explore._serve import serve

__all__ = [
    "Shown",
    "begun",
    "configuration",
    "diagram",
    "notebook_text",
    "profiles",
    "read_saved",
    "saved",
    "serve",
    "show",
    "under",
    "yaml_text",
]
