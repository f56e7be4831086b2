"""The whole app. Change it, commit, git push: Lugsail builds it and brings it live."""

import os

from flask import Flask, render_template
from werkzeug.middleware.proxy_fix import ProxyFix

app = Flask(__name__)

# Visitors come through Lugsail's proxy. With this line request.remote_addr is the visitor's, and url_for makes
# addresses with https.
app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)


@app.get("/")
def index():
    return render_template("index.html")


@app.get("/hello/<name>")
def hello(name):
    # Config vars (lugsail config set GREETING=Ahoy) are in the environment.
    return f"{os.environ.get('GREETING', 'Hello')}, {name}!", {"Content-Type": "text/plain; charset=utf-8"}


@app.get("/health")
def health():
    """Lugsail asks here whether a new release works before it gets visitors."""
    return "ok"
