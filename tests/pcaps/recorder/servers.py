"""Starts the servers of the scenes: nginx, the Python and Java applications, postfix."""

import os
import shutil
import sys

import lab as lab_module
from lab import FRONT, FRONT6, INNER

HERE = os.path.dirname(os.path.abspath(__file__))

NGINX = """
worker_processes 1;
daemon off;
user root;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    types {{ text/html html; text/css css; application/javascript js; application/json json;
            image/png png; }}
    default_type application/octet-stream;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 4m;
    if_modified_since before;
    gzip on;
    gzip_types text/css application/javascript;
    gzip_min_length 200;
    root {site};
    server {{
        listen {front}:80;
        listen {front}:8081 proxy_protocol;
        {listen6}
        listen {front}:443 ssl;
        ssl_certificate {folder}/server.crt;
        ssl_certificate_key {folder}/server.key;
        location /api/ {{
            proxy_pass http://{inner}:8080;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Real-IP $remote_addr;
        }}
    }}
}}
"""


def make_certificate(lab):
    """A self-signed certificate and key, made for this recording."""
    lab_module.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
                   "-subj", "/CN=shop.example", "-keyout", f"{lab.folder}/server.key",
                   "-out", f"{lab.folder}/server.crt")


def start_nginx(lab, ipv6=False):
    make_certificate(lab)
    text = NGINX.format(folder=lab.folder, site=os.path.join(HERE, "site"), front=FRONT,
                        listen6=f"listen [{FRONT6}]:80;" if ipv6 else "", inner=INNER)
    config = lab.write("nginx.conf", text)
    lab.start("server", "nginx", "-c", config, "-p", lab.folder, "-e",
              f"{lab.folder}/nginx-error.log")
    lab.wait_listening("server", FRONT, 80)


def start_app(lab, namespace="inner", address=INNER, port=8080):
    """The Python application."""
    lab.start(namespace, sys.executable, os.path.join(HERE, "app.py"), address, port)
    lab.wait_listening(namespace, address, port)


def start_java_app(lab, port):
    """The Java application (com.sun.net.httpserver) on the front address."""
    lab.start("server", "java", os.path.join(HERE, "java", "Server.java"), FRONT, port)
    lab.wait_listening("server", FRONT, port)


def start_site(lab, ipv6=False):
    """The usual set: nginx in front, the application behind it."""
    start_app(lab)
    start_nginx(lab, ipv6)


MAIN_CF = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
maillog_file_prefixes = {folder}
maillog_file = {folder}/mail.log
inet_interfaces = {address}
inet_protocols = all
smtpd_peername_lookup = no
disable_dns_lookups = yes
myhostname = mx.shop.example
mydestination = shop.example
local_recipient_maps =
local_transport = discard:
default_transport = error:no mail leaves the laboratory
mynetworks = 192.0.2.0/25
smtpd_relay_restrictions = reject_unauth_destination
smtpd_tls_security_level = may
smtpd_tls_cert_file = {folder}/server.crt
smtpd_tls_key_file = {folder}/server.key
smtpd_client_connection_count_limit = 0
smtpd_delay_reject = yes
alias_maps =
alias_database =
"""

MASTER_CF = """
smtp      inet  n       -       n       -       -       smtpd
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
error     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
anvil     unix  -       -       n       -       1       anvil
postlog   unix-dgram n  -       n       -       1       postlogd
"""


def start_postfix(lab):
    """A postfix of our own: own configuration and queue, every mail accepted and thrown away."""
    make_certificate(lab)
    folder = f"{lab.folder}/postfix"
    lab.write("postfix/master.cf", MASTER_CF)
    lab.write("postfix/main.cf", MAIN_CF.format(folder=lab.folder, address=FRONT))
    for name in ("queue", "data"):
        os.makedirs(f"{lab.folder}/{name}", exist_ok=True)
    shutil.chown(f"{lab.folder}/data", "postfix", "postfix")
    with lab.inside("server"):
        lab_module.run("postfix", "-c", folder, "check")
    lab.start("server", "/usr/lib/postfix/sbin/master", "-c", folder, "-d",
              env={**os.environ, "MAIL_CONFIG": folder})
    lab.wait_listening("server", FRONT, 25)

