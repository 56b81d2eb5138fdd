"""What is seen rather than believed: one snapshot a host, real packets, and the report made of both.

    take (snapshot) ──┐
                      ├── verify.run ──> Report (report)
    choose (probes) ──┤
    run (prober) ─────┘

``agent/`` runs on the hosts: plain Python 3.11, sent over the one SSH way, nothing installed and nothing left behind.
"""
