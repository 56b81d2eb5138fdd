"""Programs that run on a host: Python 3.11's own library only, sent as text by ``idc.live.reach`` and forgotten there.

``collect`` reads the host's state once, ``sensor`` listens and watches, ``shoot`` sends. The other modules are what
those two need. Each has ``main(document) -> document``: one JSON document in, one out.
"""
