"""An object store on loopback for the tests: prints its port, then serves until its standard input ends.

One request at a time, so that a conditional put is as indivisible as in a real one. s3_server.py [BUCKET ...]
"""

import os
import sys
import threading

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server


class Quiet(WSGIRequestHandler):
    """Says nothing, and keeps connections open."""

    protocol_version = "HTTP/1.1"

    def log(self, *_):
        pass


def one_at_a_time(app):
    """The application, with one request in it at a time: read whole, and answered whole."""
    turn = threading.Lock()

    def answer(environ, start_response):
        with turn:
            return list(app(environ, start_response))

    return answer


def main():
    app = DomainDispatcherApplication(create_backend_app, "s3")
    server = make_server("127.0.0.1", 0, one_at_a_time(app), threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for bucket in sys.argv[1:]:
        make_bucket(server.server_port, bucket)
    print(server.server_port, flush=True)
    sys.stdin.read()
    os._exit(0)


def make_bucket(port, name):
    import boto3

    url = f"http://127.0.0.1:{port}"
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=url, **keys).create_bucket(Bucket=name)


main()
