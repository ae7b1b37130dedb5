// Git host with TLS on 127.0.0.1:8443 that asks for a password. It runs git's http-backend.
const { spawn } = require("child_process");
const fs = require("fs");
const tls = { key: fs.readFileSync("gateway.key"), cert: fs.readFileSync("gateway.pem") };
const wanted = "Basic " + Buffer.from("o:pw").toString("base64");
require("https")
  .createServer(tls, (request, response) => {
    if (request.headers.authorization !== wanted) {
      response.writeHead(401, { "WWW-Authenticate": 'Basic realm="git"' });
      return response.end();
    }
    const url = new URL(request.url, "https://localhost");
    const env = {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: process.cwd(),
      GIT_HTTP_EXPORT_ALL: "1",
      REMOTE_USER: "o",
      REQUEST_METHOD: request.method,
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers["content-type"] || "",
      HTTP_CONTENT_ENCODING: request.headers["content-encoding"] || "",
      GIT_PROTOCOL: request.headers["git-protocol"] || "",
    };
    const git = spawn("git", ["http-backend"], { env });
    request.pipe(git.stdin);
    const said = [];
    git.stdout.on("data", (chunk) => said.push(chunk));
    git.on("close", () => {
      const all = Buffer.concat(said);
      const end = all.indexOf("\r\n\r\n");
      let status = 200;
      for (const line of all.subarray(0, end).toString().split("\r\n")) {
        const [name, value] = [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)];
        if (name === "Status") status = parseInt(value, 10);
        else response.setHeader(name, value);
      }
      response.writeHead(status);
      response.end(all.subarray(end + 4));
    });
  })
  .listen(8443, "127.0.0.1");
