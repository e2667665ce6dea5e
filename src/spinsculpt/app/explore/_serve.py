"""Serve the workbench to this machine alone, to who has the token."""

import hmac
import secrets
import socket
from pathlib import Path

from spinsculpt.config import Study
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.problems import sentence_of

ADDRESS = "127.0.0.1"
NAMES = Path(__file__).with_name("names.js")


def serve(start: Study | None = None, port: int = 0, browser: bool = True) -> None:
    """Serve until it is interrupted; prints the address, which holds a token that is new each time.

    Args:
        start: configuration to begin with.
        port: 0 takes a free one.
        browser: whether to open it.
    Raises:
        SpinsculptError: Panel is not installed, or the port is taken.
    """
    try:
        import panel as pn
        from bokeh.models import CustomJS
    except ModuleNotFoundError as error:
        raise SpinsculptError(sentence_of(error)) from error
    from spinsculpt.app.explore._page import Workbench

    port = free_port(port)
    token = secrets.token_urlsafe(16)

    def page():
        given = (pn.state.session_args.get("token") or [b""])[0]
        if not hmac.compare_digest(given, token.encode()):
            return pn.pane.Markdown("This address lacks its token; use the one that `spinsculpt explore` printed.")
        bench = Workbench(start)
        pn.state.curdoc.js_on_event("document_ready", CustomJS(code=NAMES.read_text()))
        pn.state.on_session_destroyed(lambda _: bench.close())
        return bench.view()

    pn.extension()
    server = pn.serve(
        {"/": page},
        port=port,
        address=ADDRESS,
        websocket_origin=[f"{ADDRESS}:{port}", f"localhost:{port}"],
        title="spinsculpt explore",
        show=False,
        verbose=False,
        start=False,
    )  # it listens from here on: who reads the address may go there
    address = f"http://{ADDRESS}:{port}/?token={token}"
    print(f"The workbench is at {address} (Ctrl-C ends it)", flush=True)
    server.start()
    if browser:
        import webbrowser

        webbrowser.open(address)
    try:
        server.io_loop.start()
    except KeyboardInterrupt:
        server.stop()


def free_port(port: int) -> int:
    """The port, or a free one for 0; a port that is taken is an error with a sentence."""
    with socket.socket() as probe:
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            raise SpinsculptError(f"Port {port} is taken; choose another with --port, or leave it out.") from error
        return probe.getsockname()[1]
