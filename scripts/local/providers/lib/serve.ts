import { fstatSync } from "node:fs";

import {
  Server,
  ServerCredentials,
  type handleUnaryCall,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";

/** How a plugin process answers the engine. */
export interface PluginDefinition {
  service: ServiceDefinition<UntypedServiceImplementation>;
  /** Unary methods by their name in the service; what is missing answers UNIMPLEMENTED, which the engine tolerates. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each method has message types of its own
  methods: Record<string, handleUnaryCall<any, any>>;
  /** Ends what is under way; awaited before the process ends. */
  stop?: () => void | Promise<void>;
}

/**
 * Serves a plugin on a loopback port of its own and prints the port, as the engine expects of every plugin. Ends at
 * Cancel, SIGINT, SIGTERM and when the engine is gone (its end of standard input closes): an engine that has to wait
 * for a plugin stays for ten seconds at the end of every command.
 */
export function servePlugin({ service, methods, stop }: PluginDefinition): void {
  // Property bags (states with many objects) may outgrow gRPC's default of 4 MiB; the engine allows 400 MiB itself.
  const limit = 400 * 1024 * 1024;
  const server = new Server({
    "grpc.max_receive_message_length": limit,
    "grpc.max_send_message_length": limit,
  });
  let ending = false;
  const end = async () => {
    if (ending) return;
    ending = true;
    await stop?.();
    server.tryShutdown(() => process.exit(0));
    setTimeout(() => process.exit(0), 200);
  };
  server.addService(service, {
    ...methods,
    cancel: (_call: unknown, callback: (error: null, response: unknown) => void) => {
      callback(null, new empty.Empty());
      void end();
    },
  });
  process.on("SIGINT", () => void end());
  process.on("SIGTERM", () => void end());
  if (fstatSync(0).isFIFO()) process.stdin.on("end", () => void end()).resume();
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
    if (error !== null) throw error;
    process.stdout.write(`${String(port)}\n`);
  });
}
