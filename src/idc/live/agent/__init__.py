"""Programs that run on a host: Python 3.11's own library only, sent as text by ``idc.live.reach`` and forgotten there.

``collect`` reads the host's state once, ``wire`` knows packets and namespaces, ``sensor`` listens and watches,
``shoot`` sends.
Each has ``main(document) -> document``: one JSON document in, one out.
"""
