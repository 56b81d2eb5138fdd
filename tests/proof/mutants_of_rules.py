"""Rule sets and routes that are wrong, each with what the proof must say of it."""

from __future__ import annotations

from tests.proof.spoil import Mutant, steps

LISTENER = ("ct direction original ct original ip daddr 203.0.113.10 ct original proto-dst 80 accept",
            "ct direction original accept")  # fmt: skip
DNAT = 'iifname "internet" ip daddr 203.0.113.10 tcp dport 80 dnat ip to 10.64.0.2'
TO_TENANT = 'iifname "internet" ip daddr 203.0.113.10 tcp dport 81 dnat ip to 10.64.16.34:8080'
MORE = "\tchain more {\n\t\ttcp dport 5432 accept\n\t}\n"
EARLY = """\
table inet other {
	chain early {
		type nat hook prerouting priority -110; policy accept;
		ip saddr 10.64.0.2 tcp dport 8080 dnat ip to 10.64.16.66:8080
	}
}
"""
LATE = """\
table inet other {
	chain late {
		type nat hook postrouting priority srcnat; policy accept;
		masquerade
	}
}
"""
ND = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n\t\tlimit rate 5/second burst 20 packets "
ND += 'log prefix "idc-deny input "'
REPLY = "ct state established ct direction reply ip daddr . ip saddr . meta l4proto . th sport @flows accept"
ERROR = "icmp type destination-unreachable icmp code frag-needed accept"
FRAG = 'iifname "uplink" ip saddr @hosts icmp type destination-unreachable icmp code frag-needed accept'

RULES = (
    Mutant("a flow too many", lambda c: c.element("web-1", "flows", "10.64.16.2/31 . 10.64.16.34/31 . tcp . 8080"),
           "passes", "forwards what no flow declares"),
    Mutant("a flow's reverse", lambda c: c.element("web-1", "flows", "10.64.16.2/31 . 10.64.0.2/31 . tcp . 8080"),
           "passes", "forwards what no flow declares"),
    Mutant("blanket established put back", lambda c: c.insert("web-1", "forward", "ct state established accept"),
           "passes", "forwards what no flow declares"),
    Mutant("related", lambda c: c.insert("edge-1", "forward", "ct state related accept"),
           "passes", "forwards what no flow declares"),
    Mutant("established and related",
           lambda c: c.insert("web-2", "forward", "ct state { established, related } accept"),
           "passes", "forwards what no flow declares"),
    Mutant("replies in either direction", lambda c: c.swap("web-1", REPLY, REPLY.replace("ct direction reply ", "")),
           "passes", "forwards what no flow declares"),
    Mutant("replies of any state",
           lambda c: c.swap("web-1", REPLY, REPLY.replace("ct state established ", "")),
           "passes", "forwards what no flow declares"),
    Mutant("an element wider by one bit", lambda c: c.swap("edge-1", ". 10.64.32.2/31 .", ". 10.64.32.0/30 ."),
           "passes", "forwards what no flow declares"),
    Mutant("a source wider by two bits",
           lambda c: c.swap("edge-1", "10.64.0.2/31 . 10.64.32.2", "10.64.0.0/29 . 10.64.32.2"),
           "passes", "forwards what no flow declares"),
    Mutant("a port more", lambda c: c.swap("web-2", "10.64.32.2/31 . tcp . 8080", "10.64.32.2/31 . tcp . 8080-8081"),
           "passes", "forwards what no flow declares"),
    Mutant("another protocol", lambda c: c.element("web-2", "flows", "10.64.0.2/31 . 10.64.32.2/31 . udp . 8080"),
           "passes", "forwards what no flow declares"),
    Mutant("every protocol", lambda c: c.insert("web-2", "forward", "ip saddr 10.64.0.2 ip daddr 10.64.32.2 accept"),
           "passes", "forwards what no flow declares"),
    Mutant("forwarding is open", lambda c: c.open("web-2", "forward"),
           "passes", "forwards what no flow declares"),
    Mutant("a chain that is jumped to accepts", steps(
        lambda c: c.swap("web-1", "\tchain forward {", f"{MORE}\n\tchain forward {{"),
        lambda c: c.insert("web-1", "forward", 'iifname "br-0a401000" jump more')),
           "passes", "forwards what no flow declares"),
    Mutant("ICMP errors from anybody", lambda c: c.swap("edge-1", FRAG, FRAG.replace(" ip saddr @hosts", "")),
           "passes", "forwards what no flow declares"),
    Mutant("ICMP errors of any code", lambda c: c.swap("web-1", FRAG, FRAG.replace(" icmp code frag-needed", "")),
           "passes", "forwards what no flow declares"),
    Mutant("a listener's container without translation", lambda c: c.swap("edge-1", *LISTENER),
           "passes", "forwards what no flow declares"),
    Mutant("a listener of IPv6 that leads anywhere", lambda c: c.swap(
        "edge-1", "ip6 daddr { fd54:5b01:6194:38e0::2, fd54:5b01:6194:38e0::3 } tcp dport 8080", "tcp dport 8080"),
           "passes", "forwards what no flow declares"),
    Mutant("antispoof accepts a bridge", lambda c: c.insert("web-1", "antispoof", 'iifname "br-0a401000" accept'),
           "passes", "by a link where its source is not"),
    Mutant("antispoof accepts all", lambda c: c.open("web-1", "antispoof"),
           "passes", "by a link where its source is not"),
    Mutant("the Internet may be anybody",
           lambda c: c.swap("edge-1", "{ 0.0.0.0/8, 10.64.0.0/13, 127.0.0.0/8, 198.18.64.0/24,",
                                                           "{ 0.0.0.0/8, 127.0.0.0/8, 198.18.64.0/24,"),
           "passes", "by a link where its source is not"),
    Mutant("the uplink may be one's own", lambda c: c.element("web-1", "bound", '"uplink" . 10.64.16.0/20'),
           "passes", "by a link where its source is not"),
    Mutant("input accepts a bridge", lambda c: c.insert("web-1", "input", 'iifname "br-0a401000" accept'),
           "passes", "takes in what no host rule declares"),
    Mutant("SSH from two more hosts",
           lambda c: c.swap("web-1", "10.71.255.1/32 . tcp . 22", "10.71.255.0/30 . tcp . 22"),
           "passes", "takes in what no host rule declares"),
    Mutant("SSH to any of a host's addresses", lambda c: c.swap("web-1", "ip daddr 10.71.255.3 ct direction original",
                                                               "ct direction original"),
           "passes", "takes in what no host rule declares"),
    Mutant("a host answers in old connections", lambda c: c.insert("web-2", "input", "ct state established accept"),
           "passes", "takes in what no host rule declares"),
    Mutant("neighbours from afar", lambda c: c.swap("edge-1", f"ip6 hoplimit 255 {ND}", ND),
           "passes", "takes in what no host rule declares"),
    Mutant("a host sends anything", lambda c: c.open("web-1", "output"),
           "passes", "sends what no host rule declares"),
    Mutant("a host takes in anything", lambda c: c.open("web-1", "input"),
           "passes", "takes in what no host rule declares"),
    Mutant("a chain ends in accept", lambda c: c.end("web-1", "forward", "accept"),
           "passes", "forwards what no flow declares"),
    Mutant("administration by a bridge", steps(
        lambda c: c.element("web-1", "host_in", '"br-0a401000" . 10.71.255.1/32 . tcp . 22'),
        lambda c: c.element("web-1", "bound", '"br-0a401000" . 10.71.255.1/32')),
           "passes", "takes in a declared packet by a link where its source is not"),
    Mutant("administration leaves by the Internet's link", steps(
        lambda c: c.swap("edge-1", '"uplink" . 10.71.255.1/32 . tcp . 22', '"internet" . 10.71.255.1/32 . tcp . 22'),
        lambda c: c.routes.update({"edge-1": f"{c.routes['edge-1']}10.71.255.1/32 via 203.0.113.1 dev internet src"
                                             " 10.71.255.2 proto 73\n"})),
           "passes", "sends what no host rule declares"),
    Mutant("an ICMP error in another's name",
           lambda c: c.swap("web-1", f"ip saddr @own {ERROR}", ERROR),
           "passes", "sends what no host rule declares"),
    Mutant("an ICMP error in a container's name",
           lambda c: c.swap("web-1", "elements = { 10.64.16.1,", "elements = { 10.64.16.1, 10.64.16.2,"),
           "passes", "sends what no host rule declares"),
    Mutant("an ICMPv6 error in another's name",
           lambda c: c.swap("edge-1", "ip6 saddr @own6 icmpv6 type packet-too-big", "icmpv6 type packet-too-big"),
           "passes", "sends what no host rule declares"),
    Mutant("a neighbour in another's name",
           lambda c: c.swap("edge-1", "ip6 saddr @own6 ip6 hoplimit 255", "ip6 hoplimit 255"),
           "passes", "sends what no host rule declares"),
    Mutant("a host may call by SSH", lambda c: c.insert("web-1", "output", "tcp dport 22 accept"),
           "passes", "sends what no host rule declares"),
    Mutant("translation to a tenant, which forwarding stops", lambda c: c.insert(
        "edge-1", "listeners", TO_TENANT),
           "stopped", "translates what is no request to a listener"),
    Mutant("translation to a tenant, and forwarded", steps(
        lambda c: c.insert("edge-1", "listeners", TO_TENANT),
        lambda c: c.insert("edge-1", "forward", 'iifname "internet" ip daddr 10.64.16.34 tcp dport 8080 accept')),
           "passes", "forwards what no flow declares"),
    Mutant("a flow's packets translated to another site", lambda c: c.insert(
        "edge-1", "listeners", "ip saddr 10.64.0.2 ip daddr 10.64.16.34 tcp dport 8080 dnat ip to 10.64.16.66:8080"),
           "passes", "translates what is no request to a listener"),
    Mutant("the Internet's listener leads to the employees' port", steps(
        lambda c: c.swap("edge-1", f"{DNAT}:8080", f"{DNAT}:8081"),
        lambda c: c.insert("edge-1", "forward", 'iifname "internet" ip daddr 10.64.0.2 tcp dport 8081 accept')),
           "passes", "translates what is no request to a listener"),
    Mutant("another table translates first", lambda c: c.append("edge-1", EARLY),
           "passes", "translates what is no request to a listener"),
)  # fmt: skip

PROMISES = (
    Mutant("a flow is missing at one host", lambda c: c.swap(
        "web-1", "\t\t\t10.64.0.2/31 . 10.64.16.2/31 . tcp . 8080,\n", ""),
           "promise", "a flow's request is not forwarded"),
    Mutant("replies are missing", lambda c: c.swap("web-1", REPLY, ""), "promise", "a flow's reply is not forwarded"),
    Mutant("a bridge is not bound", lambda c: c.swap("web-1", '\t\t\t"br-0a401000" . 10.64.16.0/28,\n', ""),
           "promise", "is stopped on its way in"),
    Mutant("a drop stands before the flows", lambda c: c.insert("web-2", "forward", "tcp dport 8080 drop"),
           "promise", "a flow's request is not forwarded"),
    Mutant("everything is dropped", lambda c: c.insert("web-2", "forward", "drop"), "promise", "is not forwarded"),
    Mutant("flows by rate",
           lambda c: c.swap("web-2", "th dport @flows accept", "th dport @flows limit rate 5/second accept"),
           "promise", "a flow's request is not forwarded"),
    Mutant("no translation", lambda c: c.swap("edge-1", f"{DNAT}:8080", ""),
           "promise", "is not translated"),
    Mutant("translation to the other slot", lambda c: c.swap(
        "edge-1", f"{DNAT}:8080", f"{DNAT[:-1]}3:8080"),
           "promise", "translated to something else"),
    Mutant("the Internet's replies do not leave", lambda c: c.swap(
        "edge-1", 'iifname "br-0a400000" oifname "internet"', 'iifname "br-0a400000" oifname "fabric"'),
           "promise", "the reply to a request"),
    Mutant("a route leads to the wrong host", lambda c: c.routes.update(
        {"edge-1": c.routes["edge-1"].replace("10.64.16.0/20 via 10.71.255.3", "10.64.16.0/20 via 10.71.255.4")}),
           "promise", "a route leads to web-2 instead of web-1"),
    Mutant("a route is missing", lambda c: c.routes.update(
        {"edge-1": "\n".join(line for line in c.routes["edge-1"].splitlines() if not line.startswith("10.64.32"))}),
           "promise", "no route"),
    Mutant("forwarding stays off", lambda c: c.swap("web-1", "# forwarding: ipv4", "# forwarding:"),
           "promise", "forwarding is off"),
    Mutant("SSH is forgotten", lambda c: c.swap("web-1", "10.71.255.1/32 . tcp . 22", "10.71.255.1/32 . tcp . 23"),
           "promise", "is not taken in"),
)  # fmt: skip

UNKNOWN = (
    *(Mutant(f"nothing but its policy ends {chain}", lambda c, chain=chain: c.end("web-1", chain),  # type: ignore[misc]
             "unknown", "its policy lapses while") for chain in ("antispoof", "forward", "input", "output")),
    Mutant("the last drop comes by rate", lambda c: c.end("web-1", "forward", "limit rate 5/second drop"),
           "unknown", "its policy lapses while"),
    Mutant("the last drop is for some", lambda c: c.end("web-1", "input", 'iifname "uplink" drop'),
           "unknown", "its policy lapses while"),
    Mutant("something stands behind the last drop", lambda c: c.swap(
        "web-1", 'counter name "deny_output" drop', 'counter name "deny_output" drop\n\t\tcounter'),
           "unknown", "its policy lapses while"),
    Mutant("an unknown match", lambda c: c.insert("web-1", "forward", "meta mark 1 accept"), "unknown", "meta mark"),
    Mutant("an unknown statement", lambda c: c.insert("web-1", "antispoof", "notrack"), "unknown", "notrack"),
    Mutant("packets sent past the rules", lambda c: c.insert("web-1", "forward", "queue num 1"), "unknown", "queue"),
    Mutant("a table of another kind", lambda c: c.append("web-1", "table netdev x {\n}\n"),
           "unknown", "table netdev x"),
    Mutant("a flow table", lambda c: c.insert("web-1", "forward", "flow add @fast"), "unknown", "flow"),
    Mutant("a source is rewritten", lambda c: c.append("web-1", LATE), "unknown", "masquerade"),
    Mutant("a set of unknown elements lets in", lambda c: c.insert("web-1", "forward", "ip saddr @sources accept"),
           "unknown", "sources"),
    Mutant("a connection looked at too early", lambda c: c.insert("web-1", "antispoof", "ct state established accept"),
           "unknown", "no connection is known"),
    Mutant("a rule set cut off", lambda c: c.rules.update({"web-1": c.rules["web-1"][:1500]}), "unknown", "rule set"),
    Mutant("a route of another kind", lambda c: c.routes.update({"web-1": "10.0.0.0/8 nhid 5"}), "unknown", "route"),
)  # fmt: skip
