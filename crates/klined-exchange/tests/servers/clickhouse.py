"""ClickHouse's engine in this process, behind as much of its HTTP interface as the tests need.

    clickhouse.py DIRECTORY PORT

POST / with the statement as body, ?database=NAME, and user and password in ClickHouse's own headers.
"""

import http.server
import sys
import threading
import urllib.parse

from chdb import session

PASSWORDS = {"default": "", "exchange": "exchange-pw"}
engine = session.Session(sys.argv[1])
one_at_a_time = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        statement = self.rfile.read(int(self.headers["Content-Length"])).decode()
        user = self.headers.get("X-ClickHouse-User", "default")
        if PASSWORDS.get(user) != self.headers.get("X-ClickHouse-Key", ""):
            return self.reply(403, f"Code: 516. {user}: Authentication failed")
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        try:
            with one_at_a_time:
                engine.query("USE " + query.get("database", ["default"])[0])
                found = engine.query(statement, "TabSeparated").bytes() or b""
            self.reply(200, found.decode())
        except Exception as error:
            self.reply(500, str(error))

    def reply(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
