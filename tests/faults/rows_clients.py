"""Who a mail is really from, behind relays that are trusted and others that are not; and what is
whose among the addresses of one's own."""

import flows
from harness import demand, expect, expect_refused, of_type, parse

RELAY, SERVER = ("198.51.100.7", 40000), ("192.0.2.25", 25)


def session(*mails, xclient=None):
    """A relay gives these mails, each the lines of its Received headers."""
    talk = flows.Talk(RELAY, SERVER).open().server(b"220 mx ESMTP\r\n")

    def ask(line, answer=b"250 ok"):
        talk.client(line + b"\r\n").server(answer + b"\r\n")
    ask(b"EHLO relay.example")
    if xclient:
        ask(b"XCLIENT NAME=x ADDR=" + xclient, b"220 mx ESMTP")
        ask(b"EHLO x.example")
    for i, received in enumerate(mails):
        ask(b"MAIL FROM:<a@b.example>")
        ask(b"RCPT TO:<c@d.example>")
        ask(b"DATA", b"354 go on")
        heads = b"".join(b"Received: from h.example (n.example [" + one
                         + b"])\r\n\tby r.example with ESMTP; Sun, 12 Dec 2021 23:04:16 +0000\r\n"
                         for one in received)
        ask(heads + b"Subject: " + flows.lookup(f"mail-{i}") + b"\r\n\r\nhello\r\n.")
    ask(b"QUIT", b"221 bye")
    return flows.pcap(talk.close().frames)


def clients(lab, capture, trusted):
    """Address and witness of each alert's client; the address is on the smtp or http event, too."""
    lab.write("mail.pcap", capture)
    ended = lab.run("-r", "mail.pcap", "-o", "-", "--set", f"client.trusted={trusted}")
    expect(ended, 0)
    events = parse(ended.out)
    alerts = [event["alert"]["context"].get("client", {}) for event in of_type(events, "alert")]
    vars_of = [{key: value for var in event.get("metadata", {}).get("flowvars", [])
                for key, value in var.items()}
               for kind in ("smtp", "http") for event in of_type(events, kind)]
    demand(sorted(one.get("ip", "") for one in alerts)
           == sorted(one.get("client_ip", "") for one in vars_of), f"{alerts} and {vars_of}")
    return [(one.get("ip"), one.get("from"), one.get("trusted_hops")) for one in alerts]


def mail_clients(lab):
    nobody, near, far = (None, None, None), b"198.51.100.9", b"203.0.113.77"
    for i, (capture, trusted, wanted) in enumerate((
            (session([far], xclient=near), "192.0.2.0/24", [nobody]),
            (session([far], xclient=near), "198.51.100.7", [("198.51.100.9", "xclient", 1)]),
            (session([far], xclient=near), "198.51.100.0/24", [("203.0.113.77", "received", 2)]),
            (session([far], [far], xclient=near), "198.51.100.7",
             [("198.51.100.9", "xclient", 1)] * 2),
            (session([far, b"1.1.1.1"]), "198.51.100.7", [("203.0.113.77", "received", 1)]),
            (session([near, far]), "198.51.100.0/24", [("203.0.113.77", "received", 2)]),
            (session([]), "198.51.100.7", [nobody]))):
        found = clients(lab, capture, trusted)
        demand(found == wanted, f"case {i}: {found}")


def crowded_mail(lab):
    """More recipients than are kept for events leave room for what is found in the mail."""
    talk = flows.Talk(RELAY, SERVER).open().server(b"220 mx ESMTP\r\n")
    lines = [b"EHLO relay.example", b"MAIL FROM:<a@b.example>"]
    lines += [b"RCPT TO:<u%d@d.example>" % i for i in range(3000)] + [b"DATA"]
    for line in lines:
        talk.client(line + b"\r\n")
        talk.server(b"354 go on\r\n" if line == b"DATA" else b"250 ok\r\n")
    talk.client(b"Subject: " + flows.lookup("crowd") + b"\r\n\r\nhello\r\n.\r\n")
    talk.server(b"250 ok\r\n")
    lab.write("mail.pcap", flows.pcap(talk.close().frames))
    ended = lab.run("-r", "mail.pcap", "-o", "-")
    expect(ended, 0)
    events = parse(ended.out)
    demand(len(of_type(events, "alert")) == 1, "the look-up is not told of")
    demand("truncated" in of_type(events, "smtp")[0]["metadata"]["flowbits"], "nothing is marked")


def request_with(*headers, before=b""):
    """One request with a look-up, from the relay's address."""
    talk = flows.Talk(RELAY, ("192.0.2.10", 80)).open()
    talk.client(before + flows.request(b"/?x=" + flows.lookup("web"), headers))
    talk.server(flows.response())
    return flows.pcap(talk.close().frames)


def web_clients(lab):
    """However long the list that comes with the request: what the trusted proxy wrote counts."""
    nobody, real = (None, None, None), ("203.0.113.77", "x-forwarded-for", 1)
    name = b"X-Forwarded-For"
    cases = [([(name, b"6.6.6.6, 203.0.113.77")], real),
             ([(name, b"6.6.6.6")] * 70 + [(name, b"203.0.113.77")], real),
             ([(name, b"6.6.6.6, _hidden, 203.0.113.77")], real),
             ([(name, b"203.0.113.77, unknown")], nobody),
             ([(b"Forwarded", b"for=203.0.113.77, for=_x")], nobody),
             ([(name, b"6.6.6.6:x")], nobody),
             ([(name, b"203.0.113.77"), (name + b" ", b"6.6.6.6")], real),
             # More than is kept: the nearest may not be among it.
             ([(name, b"6.6.6.6, " * 100 + b"6.6.6.6")] * 200 + [(name, b"203.0.113.77")], nobody),
             # The first header that is there decides, whatever a sender adds.
             ([(name, b"unknown"), (b"Forwarded", b"for=6.6.6.6")], nobody),
             ([(name, b"203.0.113.77, x"), (b"True-Client-IP", b"6.6.6.6")], nobody)]
    # A Host that a proxy hands on in quotes, behind a list that its sender began.
    hosts = (b"a,for=6.6.6.6:80", b"x,for=6.6.6.6;y", b"x;for=6.6.6.6;y", b'a\\",for=6.6.6.6;\\"')
    cases += [([(b"Forwarded", before + element)], ("203.0.113.77", "forwarded", 1))
              for host in hosts for before in (b"", b"for=6.6.6.6, ", b'for="x, ')
              for element in (b'for=203.0.113.77;host="%b"' % host,
                              b'host="%b";for=203.0.113.77' % host)]
    # Each cut of what is kept, 2 KiB, in turn behind a whole address.
    cases += [([(name, b"6.6.6.6, " * n + b" " * pad + b"203.0.113.77")], real)
              for n in (226, 227, 228, 800) for pad in range(9)]
    for i, (headers, wanted) in enumerate(cases):
        found = clients(lab, request_with(*headers), "198.51.100.7")
        demand(found == [wanted], f"case {i}: {found}")


def told(address):
    """A PROXY header."""
    family, mapped = (b"TCP6", b"::ffff:") if b":" in address else (b"TCP4", b"")
    return b"PROXY " + family + b" " + address + b" " + mapped + b"192.0.2.10 4711 80\r\n"


def proxied_clients(lab):
    """A PROXY header is the word of who sends it: the next one may be the client's own."""
    nobody, real = (None, None, None), ("203.0.113.77", "proxy-protocol", 1)
    header, far = (b"X-Forwarded-For", b"203.0.113.77"), b"6.6.6.6"
    for i, (before, headers, wanted) in enumerate((
            (told(b"203.0.113.77"), (), real),
            (told(b"203.0.113.77") + told(far), (), real),
            (told(b"::ffff:203.0.113.77") + told(far), (), real),
            (told(b"198.51.100.8") + told(b"203.0.113.77"), (), real),
            (told(b"203.0.113.77") + told(b"198.51.100.8") + told(far), (), real),
            (b"PROXY UNKNOWN\r\n" + told(far), (), nobody),
            (told(b"::ffff:198.51.100.8"), (header,), ("203.0.113.77", "x-forwarded-for", 2)))):
        found = clients(lab, request_with(*headers, before=before), "198.51.100.0/24")
        demand(found == [wanted], f"case {i}: {found}")


def midstream_clients(lab):
    """Where a flow is taken up in the middle, what looks like a request may be in a body that its
    sender wrote, until the server has answered."""
    nobody, real = (None, None, None), ("203.0.113.77", "x-forwarded-for", 1)

    def ask(address):
        return flows.request(b"/?x=" + flows.lookup("mid"), [(b"X-Forwarded-For", address)])
    proxied = told(b"6.6.6.6") + flows.request(b"/?x=" + flows.lookup("mid"))
    for i, (parts, wanted) in enumerate((
            ((ask(b"6.6.6.6"), flows.response(), ask(b"203.0.113.77"), flows.response()),
             [nobody, real]),
            ((b"A" * 700 + ask(b"6.6.6.6") + b"B" * 90, flows.response(), ask(b"203.0.113.77"),
              flows.response()), [nobody, real]),
            ((proxied, flows.response()), [nobody]))):
        talk = flows.Talk(RELAY, ("192.0.2.10", 80))
        for side, part in enumerate(parts):
            (talk.server if side % 2 else talk.client)(part)
        found = clients(lab, flows.pcap(talk.frames), "198.51.100.7")
        demand(found == wanted, f"case {i}: {found}")


ASSETS = """
# network, name, owner, exposure, vulnerable
192.0.2.0/24, server room, it@example.com
192.0.2.10, web shop, shop@example.com, internet, {}
198.51.100.0/24, guests
"""


def assets(lab):
    """Both ends are named, the severity follows what is known of the target."""
    lab.write("g", flows.pcap(flows.good(1)))
    for known, severity in (("yes", 1), ("no", 2), ("", 1)):
        lab.write("assets", ASSETS.format(known))
        ended = lab.run("-r", "g", "-o", "-", "--set", "assets=assets")
        expect(ended, 0)
        events = parse(ended.out)
        alert = of_type(events, "alert")[0]["alert"]
        demand(alert["severity"] == severity, f"{known}: severity {alert['severity']}")
        wanted = {"name": "web shop", "owner": "shop@example.com", "exposure": "internet",
                  **({"vulnerable": known == "yes"} if known else {})}
        context = alert["context"]
        demand(context["destination"]["asset"] == wanted, f"{context['destination']}")
        demand(context["source"]["asset"] == {"name": "guests"}, f"{context['source']}")
        found = of_type(events, "http")[0]["metadata"]["flowvars"]
        demand({"dest_asset": "web shop"} in found and {"src_asset": "guests"} in found, f"{found}")


def wrong_assets(lab):
    lab.write("g", flows.pcap(flows.good(1)))
    lab.write("assets", "10.0.0.0/8,x\n10.0.0.0/88,y\n10.1.0.0/16,z,,street\n")
    expect_refused(lab.run("-r", "g", "-o", "-", "--set", "assets=assets"),
                   r"^assets:2: '10\.0\.0\.0/88' is not a network; example: ",
                   r"^assets:3: 'street' is not internet, partner, internal or nothing")
    expect_refused(lab.run("-r", "g", "-o", "-", "--set", "assets=none"),
                   r"^cannot open file of assets 'none': No such file or directory")


TESTS = [("assets", assets), ("wrong assets", wrong_assets),
         ("crowded mail", crowded_mail), ("clients of mail relays", mail_clients),
         ("clients of proxies", web_clients),
         ("clients of the PROXY protocol", proxied_clients),
         ("clients of flows taken up in the middle", midstream_clients)]
