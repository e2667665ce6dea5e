"""The workbench in the browser: choose, move a slider, see. It holds no physics: the library computes all it shows."""

from spinsculpt.explore._bench import Shown, configuration, diagram, profiles, show
from spinsculpt.explore._save import notebook_text, yaml_text
from spinsculpt.explore._serve import serve

__all__ = ["Shown", "configuration", "diagram", "notebook_text", "profiles", "serve", "show", "yaml_text"]
