# Stub gateway: it answers probes as OpenClaw does, and nothing else.
import http.server
import json

ANSWERS = {
    "/startupz": {"ok": True, "status": "started"},
    "/healthz": {"ok": True, "status": "live"},
    "/readyz": {"ready": True, "failing": [], "suppressed": []},
}


class Gateway(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        answer = ANSWERS.get(self.path)
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())


http.server.ThreadingHTTPServer(("", 18789), Gateway).serve_forever()
