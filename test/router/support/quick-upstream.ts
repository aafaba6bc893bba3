import { createServer } from "node:net";
import { parentPort, workerData } from "node:worker_threads";

/** Worker thread: pools that answer every request without looking at it, for tests with very many requests. */
const pools = workerData as { readonly side: string; readonly port: number }[];

for (const { side, port } of pools) {
  const answer = `HTTP/1.1 200 OK\r\nx-served-by: ${side}\r\ncontent-length: 0\r\n\r\n`;
  const server = createServer({ noDelay: true }, (socket) => {
    let tail = "";
    socket.setEncoding("latin1");
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: string) => {
      const text = tail + chunk;
      const requests = text.split("\r\n\r\n").length - 1;
      tail = text.slice(-3);
      if (requests > 0) socket.write(answer.repeat(requests));
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
}
parentPort?.postMessage("listening");
