#!/usr/bin/python3
"""Odd but legal rules load and mean what they say; illegal ones are told of, line, sid and keyword.

test_language.py --jndiwatch PROGRAM

Legal rules are put together from parts, each with whether the one conversation of the capture is
its: addresses, ports, tests, white space, order, case, continued lines, comments, a byte order
mark. A rule must fire when all its parts are true and be silent otherwise. Illegal ones have one
mistake each, and must give a line that begins with file, line and sid and names the keyword.
"""

import argparse
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

import traffic  # its folders are searched for the next two
import flows
import run

N_LEGAL = 320
AT_ONCE = 40  # fewer than a transaction may have findings
# Warnings that legal rules give.
FINE = "no content of 2|unknown class 'of-our-own'|no rule can ask for|left out"
MISTAKES_AT_ONCE = 400  # fewer than are told of one by one
REQUEST = (b"POST /p/ab;cd?q=%41 HTTP/1.1\r\nHost: shop.example\r\n"
           b"User-Agent: Tool \"q\" \\back; a:b|c\r\nReferer: aGVsbG8=\r\n"
           b"Content-Length: 17\r\n\r\n"
           b"hello=WORLD&x=AbC")

# Each part with whether it is true of the conversation, 198.51.100.7 to port 80 of 192.0.2.10.
SOURCES = [
    ("any", True), ("ANY", True), ("198.51.100.7", True), ("[198.51.100.0/24]", True),
    ("[2001:db8::/32,198.51.100.7]", True), ("[ 10.0.0.0/8, 198.51.100.7]", True),
    ("!192.0.2.0/24", True), ("![10.0.0.0/8,192.0.2.0/24]", True), ("[!192.0.2.1]", True),
    ("[198.51.100.0/24,![198.51.100.8,198.51.100.9]]", True), ("$EXTERNAL_NET", True),
    ("!$HOME_NET", True), ("[$EXTERNAL_NET,!198.51.100.8]", True), ("![![198.51.100.7]]", True),
    ("[[[198.51.100.7]]]", True), ("[!198.51.100.0/24,198.51.100.7,192.0.2.9]", False),
    ("198.51.100.1-198.51.100.9", True), ("198.51.100.9/255.255.255.0", True),
    ("[198.51.100.0/24,![198.51.100.0/28,!198.51.100.7]]", True), ("[any,!$HOME_NET]", True),
    ("!2001:db8::/32", False), ("[192.0.2.1,198.51.100.7,]", True),
    ("[::ffff:0:0/96,198.51.100.6/31]", True), ("0.0.0.0/0", True),
    ("198.51.100.8", False), ("2001:db8::1", False), ("[2001:db8::/32,!2001:db8:1::/48]", False),
    ("!198.51.100.0/24", False), ("$HOME_NET", False), ("[198.51.100.0/24,!198.51.100.7]", False),
    ("[198.51.100.0/24,![198.51.100.0/28,!198.51.100.8]]", False), ("::/0", False),
]
PORTS = [
    ("any", True), ("80", True), ("[80,8080]", True), ("79:81", True), (":80", True),
    ("80:", True), ("[1:1024,!81]", True), ("!8080", True), ("![8080,443]", True),
    ("[ 80]", True), ("[!1:79,!81:]", True), ("0:65535", True), (":", True), ("[79,80,]", True),
    ("81", False), ("!80", False), ("[1:1024,!80]", False), ("81:", False), (":79", False),
    ("[443,[8080,8081]]", False),
]
TESTS = [
    (r'http.user_agent; content:"Tool \"q\" \\back\; a\:b|7c|c"; bsize:21;', True),
    (r'http.user_agent; content:"|54 6F6f 6c|"; startswith; content:"|22|q|22|"; distance:1; '
     r'within:3;', True),
    (r'http.user_agent; content:"BACK"; nocase; content:"back"; distance:0;', False),
    (r'http.user_agent; content:!"back"; content:"Tool";', False),
    (r'http.user_agent; content: "Tool" ;content:! "nothing" ;', True),
    (r'http.user_agent; content:"c"; endswith; isdataat:20; isdataat:!21;', True),
    (r'http.uri; content:"/p/ab|3b|cd"; startswith; content:"q=A"; distance:1;', True),
    (r'http.uri; content:"/p/ab"; http.uri; to_uppercase; content:"/P/AB"; startswith;', True),
    (r'content:"/p/ab"; http_uri; content:"POST"; http_method; depth:4;', True),
    (r'content:"q=%41"; http_raw_uri; content:"q=%41"; http_uri;', False),
    (r'http.uri; bsize:10<>20; content:"cd"; offset:6; depth:4;', True),
    (r'http.uri; bsize:>20;', False),
    (r'http.uri; bsize:0x0a-20; urilen:!20-30;', True),
    (r'http.uri; bsize:!10-20;', False),
    (r'http.uri; bsize:<1kb; bsize:!=0x10;', True),
    (r'http.accept; absent; http.method; content:"POST";', True),
    (r'http.referer; absent;', False),
    (r'http.accept; absent:or_else; content:"x";', True),
    (r'http.referer; absent: or_else; content:"hello";', False),
    (r'http.content_len; byte_jump:0,0,string,dec,post_offset -1; content:"7"; within:1;', False),
    (r'http.referer; content:"="; byte_jump:0,0,from_end,post_offset -1; content:"="; within:1;',
     True),
    (r'content:"/p/ab"; http_uri; isdataat:7,relative;', True),
    (r'content:"/p/ab"; http_uri; isdataat:8,relative;', False),
    (r'uricontent:"/p/ab"; isdataat:!8,relative;', True),
    (r'content:"hello="; http_client_body; byte_test:1,=,87,0,relative; content:"AbC"; '
     r'http_client_body; isdataat:!1,relative;', True),
    (r'content:"Length|3a 20|"; http_header; byte_extract:1,0,n,relative,string,dec; '
     r'content:"7"; within:n; distance:0; http_header;', True),
    (r'urilen:12; http.method; content:"POST";', True),
    (r'urilen:14; http.method; content:"POST";', False),
    (r'urilen:14,raw; http.method; content:"POST";', True),
    (r'urilen:5<>30,raw; pcre:"/\/p\/[a-z]+\;cd/U";', True),
    (r'http.uri; pcre:"/^\/P\/ab/i"; pcre:!"/nothing/";', True),
    (r'http.uri; pcre:"/ab/"; content:"cd"; within:3; distance:1;', True),
    (r'http.referer; from_base64; content:"hello"; bsize:5;', True),
    (r'http.referer; from_base64:bytes 4,offset 0 , mode rfc2045; content:"hello";', False),
    (r'http.request_body; content:"hello="; depth:6; fast_pattern; content:"WORLD";', True),
    (r'http.request_body; content:"WORLD"; fast_pattern:1,3; content:"x=AbC"; endswith;', True),
    (r'http.request_body; to_lowercase; content:"world&x=abc"; fast_pattern:only;', True),
    (r'http.referer; from_base64; xor:"0001"; to_uppercase; content:"H"; startswith;', True),
    (r'http.uri; pcrexform:"p/([a-z]+)"; content:"ab"; bsize:2;', True),
    (r'http.uri; pcrexform:"p/([a-z]+)"; to_uppercase; content:"AB"; bsize:2;', True),
    (r'http.uri; pcrexform:"(nothing)"; content:"ab"; bsize:12;', True),
    (r'http.uri; pcrexform:"p/([a-z]+)"; content:"cd";', False),
    (r'http.uri; gunzip:max-size 1kb; zlib_deflate; content:"/p/ab";', True),
    (r'http.referer; from_base64; xor:"0101"; to_uppercase; content:"H"; startswith;', False),
    (r'http_client_body; content:"hello";', None),
    (r'http.host; content:"shop.example"; http.host; dotprefix; content:".example"; endswith;',
     True),
    (r'http.header_names; content:"|0d 0a|Host|0d 0a|User-Agent|0D0A|";', True),
    (r'http.request_header; content:"Referer|3a 20|aGVs"; startswith;', True),
    (r'content:"POST"; startswith; byte_test:1,=,0x4f,1; byte_test:1,!=,79,0;', True),
    (r'http.start; content:"POST /p/ab"; startswith; content:"|0d 0a|Host|3a 20|shop.example|0d|"; '
     r'distance:0; content:"17|0d 0a 0d 0a|"; endswith;', True),
    (r'http_start; content:"hello=WORLD";', False),
    (r'uricontent:"/P/ab"; nocase; http.method; content:"POST";', True),
    (r'http.referer; base64_decode; base64_data; content:"hello"; bsize:5;', True),
    (r'http.referer; content:"aG"; base64_decode:bytes 4,offset 1 , relative; base64_data; '
     r'content:"hello"; http.method; content:"POST";', False),
    (r'http.content_len; byte_extract:0,0,n,string,dec; byte_test:0,=,n,0,string;', True),
    (r'http.content_len; byte_extract:1,0,n,string,dec; byte_math:bytes 1, offset n, oper -, '
     r'rvalue 48, result m; byte_test:1,>,m,0;', True),
    (r'http.uri; content:"/p/"; byte_extract:1,0,n,relative; content:"cd"; offset:n;', False),
    (r'requires:version >= 7.0.0, keyword pcre; tag:session,5,packets; content:"POST"; prefilter;',
     True),
    (r'requires:version >= 7.0.3 < 8 | >= 8.0.3, keyword http.uri; content:"POST";', True),
    (r'requires:version < 8; content:"POST"; nosuch:1;', False),
    (r'requires:keyword nosuch; requires:version >= 7; nosuch; content:"POST";', False),
    (r'requires:feature odd; content:"POST";', False),
    (r'dsize:>10; app-layer-protocol:http; stream_size:client,>,10;', True),
    (r'dsize:>=0x20; content:"POST"; alert;', True),
    (r'app-layer-protocol:!http; content:"POST";', False),
    (r'app-layer-protocol:dns|http; content:"POST";', True),
    (r'app-layer-protocol:ftp|http,final; content:"POST";', True),
    (r'app-layer-protocol:!smb; app-layer-protocol:!failed; content:"POST";', True),
    (r'app-layer-protocol:failed; content:"POST";', False),
    (r'app-layer-protocol:!http, either; content:"POST";', False),
    (r'flowbits:set,odd|name; content:"POST" ; nocase:; http_method:;', True),
    (r'flowbits:isnotset,a|b|c|d|e|f|g|h; pcre:"/POST/B";', True),
    (r'threshold:type limit, track by_src, count 0, seconds 0; http.method; content:"POST";',
     True),
    (r'threshold:type both,track by_src,count 0,seconds 9; http.method; content:"POST";', False),
    (r'threshold:type threshold,track by_src,count 0,seconds 9; http.method; content:"POST";',
     False),
    (r'app-layer-protocol:!dns; app-layer-protocol:!tls; content:"POST";', True),
    (r'app-layer-protocol:!dns; app-layer-protocol:!http; content:"POST";', False),
    (r'http.uri; pcre:/^.p.ab/; pcre:"/cd/R, flow:name";', True),
    (r'http.uri; content:"/p/"; fast_pattern; content:!"x"; fast_pattern; content:"cd";', True),
    (r'file.data:to_server; content:"hello="; depth:6;', True),
    (r'file.data:to_client; content:"hello="; depth:6;', False),
    (r'threshold:type backoff, track by_flow, count 1, multiplier 2; content:"POST";', True),
    (r'threshold:type backoff, track by_flow, count 2, multiplier 2; http.method; content:"POST";',
     False),
    (r'flowbits:isnotset,never; content:"POST";', True),
    (r'flowbits:isset,never|other; content:"POST";', False),
    (r'flowint:odd.n, + , 3; flowint:never,notset; content:"POST";', True),
    (r'flowint:never,<,3; content:"POST";', False),
    (r'ip_proto:tcp; content:"POST";', True), (r'ip_proto:>6; content:"POST";', False),
    (r'ip_proto:!17; ip_proto:<9; content:"POST";', True),
    (r'xbits:set,odd,track ip_src,expire 60; content:"POST";', True),
    (r'xbits:isset,never,track ip_pair; content:"POST";', False),
    (r'xbits: isnotset , never , track ip_dst ; content:"POST";', True),
    (r'hostbits:isset,never,dst; content:"POST";', False),
    (r'hostbits: isnotset , never ; content:"POST";', True),
    (r'flow:established,to_server; content:"POST";', True),
    (r'flow:to_server;', True),
    (r'flags:+A; dsize:0;', True), (r'tcp.flags:+S; content:"POST";', False),
    (r'ttl:>1; window:!0; flags:*AP,CE;', True),
    (r'ttl:<1;', False), (r'sameip;', False), (r'ip.src; content:"|c6 33 64 07|";', True),
    (r'app-layer-event:http.missing_host_header;', False),
    (r'l3_proto:ipv4; content:"POST";', True), (r'l3_proto:ip6; content:"POST";', False),
    (r'flow:from_server; content:"POST";', False),
    (r'threshold:type limit,track by_src,count 1,seconds 60; http.method; content:"POST";', True),
    (r'detection_filter:track by_dst, count 9, seconds 60; http.method; content:"POST";', False),
]
TESTS = [test for test in TESTS if test[1] is not None]
ABOUT = ['gid:0', 'rev:4294967295', 'rev:1', 'priority:0', 'classtype:of-our-own',
         'classtype:attempted-admin',
         'reference:cve,2021-44228', 'reference:url,a.example/x?y=1', 'target:dest_ip',
         'metadata:a b, c d e,f', 'metadata: created_at 2021_12_10', 'reference: arbitrary , x ']

FOR_EVENTS = ("http.uri_param", "http2.stream", "email.attachment", "ldap.message_id",
              "ldap.responses.result_code", "dns.header", "dns.record")
MISTAKES = [(keyword, options) for keyword, values in {
    "content": [':', ':"a', ':"|zz|"', ':"|4|"', ':""', ':a', ':"|41"', ':"abc"; depth:1',
                ':"abc"; within:2', ':"a"; offset:1; distance:1', ':"a"; startswith; depth:4',
                ':!"a"; fast_pattern:only', ':"abc"; depth:4; fast_pattern:only',
                ':"a"; fast_pattern:only; content:"b"; distance:0', ':"a;b"', r':"a\xb"',
                r':"a\|b"',
                ':"a"b"', ':"|41|" content:"a"'],
    "depth": [':4', ':x'],
    "offset": [':1'], "distance": [':1'], "within": [':1'],
    "nocase": ['', ':1'], "startswith": [''], "endswith": [''], "rawbytes": [''],
    "fast_pattern": ['', ':only'], "alert": [':1'],
    "absent": ['', ':1'],
    "app-layer-event": [':', ':http', ':http.range_invalid', ':http.nosuch'],
    "flags": ['', ':X', ':s', ':S+!', ':S,*'], "tcp.flags": [':&2'], "ttl": [':256', ':10-'],
    "id": [':>10', ':65536'], "seq": [':>1', ':4294967296'], "tcp.ack": [':!1'],
    "window": [':>10', ':65536'], "tos": [':256', ':x1g'], "sameip": [':1'],
    "fragbits": [':M', ':+MD', ':X'], "ipopts": [':xx'], "l3_proto": [':arp'],
    "dns.opcode": [':', ':x', ':256', ':4-2'], "dns.rcode": [':!', ':NOSUCH', ':TXT'],
    "dns.rrtype": [':65536'],
    "filename": [':', ':a', ':""'], "fileext": [':jar'], "filesize": [':', ':1tb', ':x'],
    "isdataat": [':', ':x', ':-1', ':4,nowhere', ':65536', ':4,rawbytes'],
    "bsize": [':', ':<', ':9<>3', ':a', ':<>4'],
    "pcre": [':"/(/"', ':"abc"', ':"/a/Z!"', ':"/a{9999999}/"', ':/a', ':"//"', ':"/a/R"',
             ':"/a/BU"', ':"/a/UB"',
             ':"/a;b/"'],
    "byte_test": [':1', ':1,~,3,0', ':99,>,3,0', ':1,>,x,0', ':1,>,1,0,sideways', ':0,>,1,0',
                  ':n,>,1,0', ':1,>,1,0,bitmask 0', ':1,>,1,0,hex', ':1,>,1,0,dec'],
    "byte_jump": [':x,0', ':4', ':4,0,upwards', ':24,0,string', ':1,n', ':n,0', ':1,0,oct',
                  ':1,65536', ':1,0,from_end,from_beginning', ':1,0,multiplier 65536',
                  ':1,0,post_offset -65536', ':1,0,align 4'],
    "byte_extract": [':1,0', ':1,0,5', ':x,0,n', ':9,0,n', ':1,0,n; byte_extract:1,1,n',
                     ':1,0,n,align 3', ':1,0,n,hex', ':1,0,n,bitmask 3', ':1,65536,n',
                     ':1,0,n,string,dec,little'],
    "byte_math": [':bytes 1, offset 0, rvalue 1, result n',
                  ':bytes 1, offset 0, oper %, rvalue 1, result n',
                  ':bytes 1, offset 0, oper +, rvalue m, result n',
                  ':bytes 1, offset 0, oper +, rvalue 1',
                  ':bytes 1, offset 0, oper +, rvalue 0x1, result n'],
    "base64_decode": [':bytes x', ':mode strict', '; base64_decode'], "base64_data": ['', ':1'],
    "requires": [':version', ':version = 7', ':version >= x', ':', ':version = 7, keyword pcre',
                 ':version = 7; requires:version >= 8'],
    "tag": [':', ':moon', ':session,5', ':session,5,hours'],
    "prefilter": [':1', ''],
    "ldap.request.operation": [':', ':99', ':bind_request,5', ':bind', ':search_request,any'],
    "ldap.responses.operation": [':nosuch', ':4,2'], "uricontent": [':', ':a'],
    "dsize": [':x', ':>', ':5<>1', ':', ':5<>6', ':65536', ':>65535', ':<0', ':4; dsize:5'],
    "stream_size": [':x', ':client,?,4', ':client,>', ':client,4', ':client,>4', ':CLIENT,>,4'],
    "flow": [':sideways', ':to_server,to_client', ':', ':to_server,from_client',
             ':stateless,established', ':only_stream,no_stream', ':established; flow:established'],
    "flowbits": [':set', ':jump,a', ':isset,', ':set,a b', ':set , a', ':isset,a|b|c|d|e|f|g|h|i'],
    "xbits": [':set,a', ':set', ':jump,a,track ip_src', ':set,a,track moon',
              ':isset,a|b,track ip_src', ':set,a,track ip_src,expire 0', ':set,,track ip_src',
              ':set,a,track tx'],
    "flowint": [':', ':n,+,1', ':9n,+,1', ':nn,%,1', ':nn,+', ':nn,isset,1', ':nn,=,4294967296',
                ':nn'],
    "ip_proto": [':', ':nosuch', ':256', ':icmp', ':1-6', ':6; ip_proto:17', ':!6; ip_proto:!17'],
    "hostbits": [':set', ':jump,a', ':set,a,both', ':set,,src'],
    "threshold": [':type never, track by_src, count 1, seconds 1',
                  ':type limit, type limit, track by_src, count 1, seconds 1',
                  ':type limit, track by_src, track by_dst, count 1, seconds 1',
                  ':type limit, track by_src, count 1, seconds 1, seconds 1',
                  ':type limit, count 1, seconds 1', ':track by_src, count 1, seconds 1',
                  ':type limit', ':'],
    "detection_filter": [':track by_src', ':track by_src, count 0, seconds 1',
                         ':track by_src, count 1, seconds 0',
                         ':type limit, track by_src, count 1, seconds 1',
                         ':track by_x, count 1, seconds 1',
                         ':track by_src, count 1, seconds 4294967296'],
    "priority": [':x', ':4294967296', ':-1'], "classtype": [':'],
    "reference": [':cve', ':', ':cve,', ':,x'], "metadata": [':'], "target": [':nobody'],
    "rev": [':x', ':-1', ':0', ':4294967296'], "gid": [':x', ':99999999999999999999'],
    "msg": [':unquoted', ':"open', ':', ':""', ':"a;b"'],
    "urilen": [':x', ':5<>1', ':4,odd', ':65536'],
    "to_lowercase": ['', ':1'], "dotprefix": [''], "url_decode": [''],
    "from_base64": ['', ':offset x', ':mode odd', ':bytes 0'], "to_md5": [':1'],
    "pcrexform": ['', ':"(a"', ':"a"', ':"(a)(b)"', ':(a)', ':""'],
    "gunzip": ['', ':100', ':max-size 0', ':max-size 16777217', ':max-size >1', ':max-size x'],
    "zlib_deflate": [':max-size'],
    "xor": ['', ':', ':20', ':""', ':"2"', ':"2g"', ':"20 01"', ':"' + "20" * 256 + '"'],
    "app-layer-protocol": [':nosuch', ':', ':http; app-layer-protocol:dns',
                           ':!http; app-layer-protocol:!http', ':!dns; app-layer-protocol:tls',
                           ':smb', ':ssh|ftp', ':dns,twice', ':!nosuch'],
    "noalert": [':1'],
    "jndi.class": [':evil', ':'], "jndi.scheme": [':', ':!'], "jndi.reaches_network": [':maybe'],
    "jndi.dialect": [':english'],
    "http.uri": ['', ':1', '; absent; content:"a"'], "http.nosuch": ['', '; content:"a"'],
    "http_uri": ['', ':1'], "luajit": [':x'], "filemd5": [':x'], "iprep": [':any,x,>,3'],
    "tls.version": [':2', ':', ':1.2,1.3', ':"1.2"'],
    "ssl_version": [':sslv1', ':1.2', ':tls1.0,!tls1.1', ':!tls1.0,!tls1.1', ':tls1.0,tls1.0'],
    "ssl_state": [':', ':hello', ':client_hello,x'],
    "ttl": [':300'], "itype": [':8'], "NOSUCH": [':1'], "sid": [':x', ':0', ':4294967296', ':-7'],
}.items() for options in values]
TWICE = ["nocase", "startswith", "rawbytes", "dsize:40", "depth:4", "offset:1", "distance:1",
         "within:4", "fast_pattern", "rev:1", "gid:1",
         'msg:"m"', "target:src_ip"]
ALIEN = [("dns", "http.uri"), ("http", "dns.query"), ("udp", "smtp.helo"),
         ("smtp", "ldap.request.dn"), ("tls", "email.subject")]
HEADERS = [
    ("alret http any any -> any any", "alret"), ("alert htttp any any -> any any", "htttp"),
    ("alert http any any any any", "direction|begins"), ("alert http any any <- any any", "<-"),
    ("alert tcp any any => any any", "=>"), ("alert http 1.2.3 any -> any any", r"1\.2\.3"),
    ("alert http 1.2.3.4/33 any -> any any", "/33"),
    ("alert http any any -> 2001:db8::/129 any", "129"),
    ("alert http [1.2.3.4 any -> any any", "begins"), ("alert http any 99999 -> any any", "99999"),
    ("alert http any 20:10 -> any any", "20:10"), ("alert http any any -> any", "begins"),
    ("alert http ![any] any -> any any", "no address"),
    ("alert http any !any -> any any", "no port"),
    ("alert http [] any -> any any", "empty"),
    ("alert http $NOSUCH any -> any any", "NOSUCH"),
    ("alert http any [80,!80] -> any any", "no port"),
    ("alert http !1.2.3.4!5 any -> any any", "!5"),
    ("alert any any -> any any", "begins"), ("alert http any any -> any any any", "begins"),
    ("alert http any [80 ] -> any any", "blank"), ("alert http any [80 ,81] -> any any", "blank"),
    ("alert http [ 1.2.3.4 ] any -> any any", "blank"), ("alert http any any => any any", "=>"),
]
# (protocol, options, what the message must say): what keywords, buffers and sizes leave no room for
TOGETHER = [
    ("http", 'http.uri; content:"abcd"; bsize:3', "longer than it may be"),
    ("http", 'http.uri; bsize:<4; content:"abcde"', "longer than it may be"),
    ("http", 'http.uri; bsize:1<>4; content:"ab"; content:"cd"; distance:1', "longer"),
    ("http", 'http.uri; content:"ab"; offset:3; bsize:4', "longer than it may be"),
    ("tcp", 'dsize:3; content:"abcd"', "longer than it may be"),
    ("http", 'dsize:>3; http.uri; content:"a"', "dsize cannot stand with"),
    ("tcp", 'content:"a"; bsize:5', "bsize: stands behind a sticky buffer"),
    ("http", 'http.uri; content:"a"; rawbytes', "rawbytes: cannot stand with"),
    ("http", 'content:"a"; http_uri; byte_extract:1,0,n,relative; content:"b"; within:n',
     "variable of the buffer 'http.uri'"),
    ("http", 'content:"a"; byte_extract:1,0,n,relative; content:"b"; within:n; http_uri',
     "variable of another buffer"),
    ("http", 'content:"a"; rawbytes; http_uri', "http_uri: cannot stand with rawbytes"),
    ("http", 'http.uri; content:"a"; isdataat:1,rawbytes', "unknown word"),
    ("http", 'http.header.raw; content:"a"', "wants flow:"),
    ("http", 'http.method; content:"GET "', "no blanks"),
    ("http", 'http.uri; strip_whitespace; content:"a b"', "takes away"),
    ("http", 'http.uri; compress_whitespace; content:"a  b"', "takes away"),
    ("http", 'http.host; content:!"Shop"', "small letters"),
    ("http", 'app-layer-protocol:http; content:"a"', "has said which protocol"),
    ("tcp", 'http.uri; content:"a"; app-layer-protocol:http', "has said which protocol"),
    ("tcp", 'content:"a"; http_uri; pcre:"/b/R"', "follows a content"),
    ("http", 'http.uri; byte_math:bytes 1, offset 0, oper +, rvalue 1, result n, relative',
     "relative to"),
    ("http2", 'http.start; content:"a"', "has no buffer"),
    ("tls", 'file.data; content:"a"', "has no buffer"),
    ("smtp", 'flow:to_client; file.data; content:"a"', "does not go that way"),
    ("dns", 'flow:to_server; dns.response.rrname; content:"a"', "does not go that way"),
    ("ip", 'content:"a"; threshold:type backoff, track by_src, count 1, multiplier 2', "by_flow"),
]


def spell(dice, keyword_case, header, options):
    """A rule in one of its many spellings."""
    gap = dice.choice([" ", "  ", "\t", " \t "])
    sep = dice.choice(["; ", ";", " ;  ", ";\t"])
    if keyword_case:
        options = [re.sub(r"(^|(?<!\\); ?)([a-z_.]+)", lambda m: m[1] + m[2].upper(), option)
                   for option in options]
    text = gap.join(header) + dice.choice([" (", "(", " ( "]) + sep.join(options) + ";" + \
        dice.choice([")", " )", ")  "])
    if dice.random() < 0.3:
        at = text.index("(") + 1
        text = text[:at] + dice.choice([" \\\n", "\\\r\n   ", " \\\n \\\n"]) + text[at:]
    return text


def legal(dice, sid):
    """(text of a rule, whether it fires)."""
    source, by_source = dice.choice(SOURCES)
    port, by_port = dice.choice(PORTS)
    tests, by_tests = dice.choice(TESTS)
    if dice.random() < 0.6:
        source, by_source = dice.choice([s for s in SOURCES if s[1]])
        port, by_port = dice.choice([p for p in PORTS if p[1]])
    protocols = ["http", "HTTP", "http1", "tcp", "ip"]
    if "app-layer-protocol" in tests:  # what the header has said is not asked again
        protocols = protocols[3:]
    if "ip_proto" in tests:
        protocols = protocols[4:]
    header = [dice.choice(["alert", "ALERT"]), dice.choice(protocols),
              source, "any", "->", dice.choice(["any", "$HOME_NET", "[192.0.2.10]"]), port]
    about = ['msg:"odd \\"one\\"\\; %d"' % sid, "sid:%d" % sid] + dice.sample(ABOUT, 3)
    about = [word for i, word in enumerate(about)
             if word.split(":")[0] in ("reference", "metadata") or
             word.split(":")[0] not in [w.split(":")[0] for w in about[:i]]]
    dice.shuffle(about)
    cut = dice.randrange(len(about) + 1)
    options = about[:cut] + [tests.rstrip(";")] + about[cut:]
    return spell(dice, dice.random() < 0.2, header, options), by_source and by_port and by_tests


def run_program(program, folder, rules, arguments):
    path = os.path.join(folder, "odd.rules")
    with open(path, "wb") as file:
        file.write(rules)
    return subprocess.run([program, "-S", path] + arguments, capture_output=True, timeout=120,
                          check=False)


def check_legal(program, folder):
    dice = random.Random(20211210)
    talk = flows.Talk(("198.51.100.7", 40000), ("192.0.2.10", 80), flows.START_US).open()
    talk.client(REQUEST, 1400).server(flows.response(), 1400).close()
    capture = os.path.join(folder, "made.pcap")
    config = os.path.join(folder, "jndiwatch.yaml")
    with open(capture, "wb") as file:
        file.write(flows.pcap(talk.frames))
    with open(config, "w", encoding="utf-8") as file:
        file.write(f'vars:\n  HOME_NET: "{traffic.HOME_NET}"\n  EXTERNAL_NET: "!$HOME_NET"\n')
    for first in range(1, N_LEGAL + 1, AT_ONCE):
        made = {sid: legal(dice, sid) for sid in range(first, first + AT_ONCE)}
        end = dice.choice(["\n", "\r\n", "\n# a comment (of no rule; sid:1;)\n", "\n\n \t\n"])
        text = dice.choice(["", "\ufeff", "#!x\n"])
        text += "".join(rule + end for rule, _fires in made.values())
        done = run_program(program, folder, text.encode(),
                           ["-c", config, "-r", capture, "-o", "-"])
        told = {event["alert"]["signature_id"] for event in run.parse(done.stdout)
                if event["event_type"] == "alert"}
        for line in done.stderr.decode().splitlines():
            if "odd.rules" in line and not re.search(FINE, line):
                yield f"legal: {line}"
        for sid, (rule, fires) in made.items():
            if fires != (sid in told):
                yield f"{'silent' if fires else 'fired'}: {rule!r}"


def check_talk(program, folder, talk, protocol, rows):
    """Which of the rules, (tests, whether it fires), fire for what was said."""
    capture = os.path.join(folder, f"{protocol}.pcap")
    with open(capture, "wb") as file:
        file.write(flows.pcap(talk.frames))
    rules = "".join(f'alert {protocol} any any -> any any (msg:"t"; {tests} sid:{sid};)\n'
                    for sid, (tests, _fires) in enumerate(rows, 1))
    done = run_program(program, folder, rules.encode(),
                       ["-r", capture, "--events", "alert", "-o", "-"])
    told = {event["alert"]["signature_id"] for event in run.parse(done.stdout)}
    for sid, (tests, fires) in enumerate(rows, 1):
        if fires != (sid in told):
            yield f"{'silent' if fires else 'fired'}: {tests}"


MAIL = [  # (who speaks, the words)
    ("server", b"220 mx\r\n"), ("client", b"HELO c\r\n"), ("server", b"250 mx\r\n"),
    ("client", b"MAIL FROM:<a@example.org>\r\n"), ("server", b"250 ok\r\n"),
    ("client", b"RCPT TO:<b@example.net>\r\n"), ("server", b"250 ok\r\n"),
    ("client", b"DATA\r\n"), ("server", b"354 go on\r\n"),
    ("client", b"Subject: s\r\n\r\nSee HTTP://shop.example/a?b, and ftp://other.example/.\r\n"
               b".\r\n"),
    ("server", b"250 ok\r\n"),
]
URLS = [
    ('content:"shop.example/a?b"; bsize:16;', True),
    ('content:"other"; startswith; content:"example/"; endswith;', True),
    ('content:"See";', False), ('content:"://";', False),
    ('content:!"other";', True), ('pcre:"/^other/"; pcre:!"/shop/";', True),
]


def check_urls(program, folder):
    """URLs of a mail are each shown to rules, also where no smtp event is written."""
    talk = flows.Talk(("198.51.100.7", 40000), ("192.0.2.10", 25), flows.START_US).open()
    for who, words in MAIL:
        getattr(talk, who)(words, 1400)
    talk.close()
    yield from check_talk(program, folder, talk, "smtp",
                          [(f"email.url; {tests}", fires) for tests, fires in URLS])


def dns_name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def dns_record(name, kind, data):
    return dns_name(name) + struct.pack(">HHIH", kind, 1, 60, len(data)) + data


def dns_message(flags, counts, *parts):
    message = struct.pack(">6H", 7, flags, *counts) + b"".join(parts)
    return struct.pack(">H", len(message)) + message


NAMES = [
    ("dns.rrtype:MX;", True), ("dns.rrtype:!MX;", True), ("dns.rrtype:A;", True),
    ("dns.rrtype:NS;", False), ("dns.rrtype:AAAA;", False), ("dns.rrtype:OPT;", False),
    ("flow:to_client; dns.rrtype:MX;", False), ("flow:to_client; dns.rrtype:A;", True),
    ('dns.authorities.rrname; content:"example";', True),
]


def check_dns(program, folder):
    """Types are those of the question and of what answers it."""
    question = dns_name("mx.example") + struct.pack(">HH", 15, 1)
    options = b"\0" + struct.pack(">HHIH", 41, 1232, 0, 0)
    talk = flows.Talk(("198.51.100.7", 40000), ("192.0.2.10", 53), flows.START_US).open()
    talk.client(dns_message(0x0100, (1, 0, 0, 1), question, options))
    talk.server(dns_message(0x8180, (1, 1, 1, 2), question, dns_record("mx.example", 1, bytes(4)),
                            dns_record("example", 2, dns_name("ns.example")),
                            dns_record("ns.example", 28, bytes(16)), options))
    talk.close()
    yield from check_talk(program, folder, talk, "dns", NAMES)


def illegal():
    """(text of a rule, its sid or None, what the message must say) for each mistake."""
    rules = []

    def add(header, options, named, sid=True, msg=True):
        number = 1000 + len(rules)
        text = (f"""{header} ({'msg:"m"; ' if msg else ''}{options};"""
                f"{f' sid:{number};' if sid else ''})")
        rules.append((text, number if sid else None, named))

    for keyword, options in MISTAKES:
        for protocol in ("http", "tcp", "ip"):
            add(f"alert {protocol} any any -> any any", keyword + options, re.escape(keyword),
                keyword != "sid", keyword != "msg")
    for word in TWICE:
        add("alert tcp any any -> any any", f'content:"abc"; {word}; {word}',
            word.split(":", maxsplit=1)[0] + ": stands there twice", msg="msg" not in word)
    for protocol, buffer in ALIEN:
        add(f"alert {protocol} any any -> any any", f'{buffer}; content:"abc"',
            f"'{protocol}' has no buffer '{buffer}'")
    for buffer in FOR_EVENTS:  # fields that no rule would ever see
        add("alert ip any any -> any any", f'{buffer}; content:"abc"', f"keyword '{buffer}'")
    for header, named in HEADERS:
        add(header, 'content:"abc"', named)
    for protocol, options, named in TOGETHER:
        add(f"alert {protocol} any any -> any any", options, named)
    return rules


def check_illegal(program, folder):
    rules = illegal()
    for first in range(0, len(rules), MISTAKES_AT_ONCE):
        yield from check_mistakes(program, folder, rules[first:first + MISTAKES_AT_ONCE])


def check_mistakes(program, folder, rules):
    lines = [text for text, _sid, _named in rules]
    good = 'alert http any any -> any any (msg:"good"; content:"good"; sid:5;)'
    done = run_program(program, folder, "\n".join(lines + [good, ""]).encode(), ["-T"])
    if done.returncode != 2:
        yield f"exit code {done.returncode}"
    told = {}
    for line in done.stderr.decode().splitlines():
        found = re.search(r"odd\.rules:(\d+): (.*)", line)
        if found:
            told.setdefault(int(found[1]), []).append(found[2])
    for i, (_text, sid, named) in enumerate(rules):
        text = told.get(i + 1, [""])[0]
        if not re.search(named, text) or (sid and f"sid {sid}: " not in text):
            yield f"{lines[i]}: {told.get(i + 1)}"
    if len(lines) + 1 in told:
        yield f"good: {told[len(lines) + 1]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jndiwatch", required=True)
    options = parser.parse_args()
    n_wrong = 0
    for check in (check_legal, check_urls, check_dns, check_illegal):
        with tempfile.TemporaryDirectory(prefix="jndiwatch-language-") as folder:
            wrong = list(check(options.jndiwatch, folder))
        n_wrong += len(wrong)
        print(f"{'not ok' if wrong else 'ok'} {check.__name__}", *wrong, sep="\n    ")
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
