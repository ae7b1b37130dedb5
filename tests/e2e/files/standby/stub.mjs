// Gateway that starts at once, and webhook that stores every message: `node stub.mjs PORT [FILE]`
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";

const [port, file] = process.argv.slice(2);

createServer((request, response) => {
  let body = "";
  request.on("data", (part) => (body += part));
  request.on("end", () => {
    if (file) appendFileSync(file, `${body}\n`);
    response.setHeader("Content-Type", "application/json");
    response.end('{"ok":true,"status":"started"}');
  });
}).listen(Number(port), "0.0.0.0");
