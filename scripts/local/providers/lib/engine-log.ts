import { credentials } from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import engine from "@pulumi/pulumi/proto/engine_pb.js";

/** Shows messages of a provider beside the resource they are about. */
export interface EngineLog {
  /** Progress: one line that the next one replaces; an empty text clears it. */
  status(urn: string, text: string): void;
  /** A warning that stays in the output. */
  warn(urn: string, text: string): void;
}

/** The log of the engine that listens at the address. A message that cannot be delivered is dropped: it is comfort. */
export function engineLog(address: string): EngineLog {
  const client = new EngineClient(address, credentials.createInsecure());
  const send = (
    urn: string,
    text: string,
    severity: (typeof engine.LogSeverity)[keyof typeof engine.LogSeverity],
    ephemeral: boolean,
  ) => {
    const request = new engine.LogRequest();
    request.setUrn(urn);
    request.setMessage(text);
    request.setSeverity(severity);
    request.setEphemeral(ephemeral);
    client.log(request, () => undefined);
  };
  return {
    status: (urn, text) => {
      send(urn, text, engine.LogSeverity.INFO, true);
    },
    warn: (urn, text) => {
      send(urn, text, engine.LogSeverity.WARNING, false);
    },
  };
}
