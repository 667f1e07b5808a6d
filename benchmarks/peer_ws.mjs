// Node's `ws`: every socket is sent the same Buffer; `GET /ring` sends an event.
// Arguments: the folder that holds node_modules, a port, the event's frame with SEQ for its number.
import { createServer } from "node:http";
import { createRequire } from "node:module";

const [packages, port, template] = process.argv.slice(2);
const { WebSocketServer } = createRequire(`${packages}/`)("ws");

let seq = 0;
const server = createServer((request, response) => {
  response.writeHead(204).end();
  seq += 1;
  const frame = Buffer.from(template.replaceAll("SEQ", seq));
  for (const socket of sockets.clients) socket.send(frame, { binary: false });
});
const sockets = new WebSocketServer({ server, perMessageDeflate: false });
sockets.on("connection", (socket) => socket.on("message", () => socket.send('{"type":"ready"}')));
server.listen(Number(port), "127.0.0.1");
