"""What nDPI is asked for: the names of flows that no decoder claims, on any port."""

import flows
from flows import Talk
from harness import demand, of_type
from rows_streams import play

# A bind without a password (RFC 4511, section 4.2).
LDAP_BIND = bytes.fromhex("300c020101600702010304008000")
# A TLS 1.2 ClientHello without extensions (RFC 5246, section 7.4.1.2).
CLIENT_HELLO = (bytes.fromhex("160301002d010000290303") + b"0123456789abcdef" * 2
                + bytes.fromhex("000002002f0100"))
SSH = b"SSH-2.0-OpenSSH_9.2\r\n"


def flow_of(lab, talk, *more):
    events = of_type(play(lab, talk, *more), "flow")
    demand(len(events) == 1, f"{len(events)} flows")
    return events[0]


def named(content, port, name):
    def test(lab):
        talk = Talk(server=("192.0.2.10", port)).open().client(content)
        event = flow_of(lab, talk)
        demand(event["app_proto"] == name, f"named {event['app_proto']}, is {name}")
        demand(event.get("ndpi", {}).get("proto", "").lower() == name, f"ndpi: {event.get('ndpi')}")
        demand("ndpi" not in flow_of(lab, talk, "--set", "flow.ndpi_packets=0"), "asked anyhow")
    return test


def a_decoder_names_ldap(lab):
    event = flow_of(lab, Talk(server=("192.0.2.10", 10389)).open().client(LDAP_BIND))
    demand(event["app_proto"] == "ldap" and "ndpi" not in event, f"{event}")


def claimed_flows_have_no_second_name(lab):
    """Bytes of a request one by one: nDPI is asked before the decoder knows, and not told of."""
    event = flow_of(lab, Talk().open().client(flows.request("/"), 1))
    demand(event["app_proto"] == "http" and "ndpi" not in event, f"{event}")


def an_unknown_protocol_stays_unnamed(lab):
    talk = Talk(server=("192.0.2.10", 389)).open()
    for _ in range(12):
        talk.client(b"\1\2 nothing that is known \xff")
    event = flow_of(lab, talk)
    demand(event["app_proto"] == "failed" and "ndpi" not in event, f"{event}")


TESTS = [
    ("a decoder names LDAP on any port", a_decoder_names_ldap),
    ("nDPI names TLS on any port", named(CLIENT_HELLO, 9443, "tls")),
    ("nDPI names SSH on any port", named(SSH, 2222, "ssh")),
    ("nDPI is not told of where a decoder reads", claimed_flows_have_no_second_name),
    ("nDPI does not guess by the port", an_unknown_protocol_stays_unnamed),
]
