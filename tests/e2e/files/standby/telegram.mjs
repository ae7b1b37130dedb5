// Telegram server for one host. It stores every message sent to it and delivers none.
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";

const [sent] = process.argv.slice(2);
const bot = { id: 223456789, is_bot: true, first_name: "Standby", username: "standby_bot" };

createServer((request, response) => {
  let body = "";
  request.on("data", (part) => (body += part));
  request.on("end", () => {
    const answer = (result) => response.end(JSON.stringify({ ok: true, result }));
    response.setHeader("Content-Type", "application/json");
    const method = request.url.split("?")[0].split("/").pop();
    if (method === "sendMessage") {
      appendFileSync(sent, `${body}\n`);
      answer({ message_id: 1, date: Math.floor(Date.now() / 1000), chat: { id: 1234567890, type: "private" }, from: bot });
    } else if (method === "getUpdates") {
      setTimeout(() => answer([]), 2000);
    } else {
      answer(method === "getMe" ? bot : true);
    }
  });
}).listen(8081, "127.0.0.1");
