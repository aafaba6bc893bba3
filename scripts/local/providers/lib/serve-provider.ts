import { setTimeout as sleep } from "node:timers/promises";

import { Metadata, status, type sendUnaryData, type ServerUnaryCall } from "@grpc/grpc-js";
import any from "google-protobuf/google/protobuf/any_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import wire from "@pulumi/pulumi/proto/provider_pb.js";
import type {
  CheckRequest,
  ConfigureRequest,
  CreateRequest,
  DeleteRequest,
  DiffRequest,
  ReadRequest,
  UpdateRequest,
} from "@pulumi/pulumi/proto/provider_pb.js";
import statusProtocol from "@pulumi/pulumi/proto/status_pb.js";

import { engineAddress } from "./engine-address.ts";
import { engineLog } from "./engine-log.ts";
import { formatPath, type PropertyChange } from "./property-diff.ts";
import { fromStruct, toStruct } from "./properties.ts";
import {
  InitializationError,
  type CheckResult,
  type DiffResult,
  type ResourceCall,
  type ResourceProvider,
} from "./resource-provider.ts";
import { servePlugin } from "./serve.ts";

/** How long cancelled operations may take to end. The engine itself kills a plugin after five seconds. */
const stopMilliseconds = 3_000;

/** Serves a provider to the engine whose address is this process's only positional argument. */
export function serveProvider(provider: ResourceProvider): void {
  const log = engineLog(engineAddress("A resource provider"));
  const cancelled = new AbortController();
  const underWay = new Set<Promise<void>>();

  /** A method that answers with what `work` returns or throws. */
  const unary =
    <Request, Response>(work: (request: Request) => Promise<Response>) =>
    (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>) => {
      const operation = work(call.request).then(
        (response) => {
          callback(null, response);
        },
        (error: unknown) => {
          callback(wireError(error));
        },
      );
      underWay.add(operation);
      void operation.finally(() => underWay.delete(operation));
    };
  const about = (request: { getUrn(): string; getType(): string; getName(): string }) =>
    ({
      urn: request.getUrn(),
      type: request.getType(),
      name: request.getName(),
      signal: cancelled.signal,
      status: (text) => {
        log.status(request.getUrn(), text);
      },
    }) satisfies ResourceCall;

  servePlugin({
    service: ResourceProviderService,
    stop: async () => {
      cancelled.abort(new Error("The operation was cancelled."));
      provider.cancel?.();
      // Operations end with the state that they have reached, which the engine stores.
      await Promise.race([Promise.allSettled(underWay), sleep(stopMilliseconds)]);
    },
    methods: {
      getPluginInfo: unary(() => {
        const info = new plugin.PluginInfo();
        info.setVersion(provider.version);
        return Promise.resolve(info);
      }),
      configure: unary(async (request: ConfigureRequest) => {
        await provider.configure(fromStruct(request.getArgs()));
        const response = new wire.ConfigureResponse();
        response.setAcceptsecrets(true);
        response.setSupportspreview(true);
        return response;
      }),
      check: unary(async (request: CheckRequest) =>
        checkResponse(
          await provider.check({
            ...about(request),
            oldInputs: fromStruct(request.getOlds()),
            newInputs: fromStruct(request.getNews()),
            randomSeed: request.getRandomseed_asU8(),
          }),
        ),
      ),
      diff: unary(async (request: DiffRequest) =>
        diffResponse(
          await provider.diff({
            ...about(request),
            id: request.getId(),
            oldInputs: fromStruct(request.getOldInputs()),
            oldOutputs: fromStruct(request.getOlds()),
            newInputs: fromStruct(request.getNews()),
          }),
        ),
      ),
      create: unary(async (request: CreateRequest) => {
        const created = await provider.create({
          ...about(request),
          inputs: fromStruct(request.getProperties()),
          preview: request.getPreview(),
          timeoutSeconds: request.getTimeout() || undefined,
        });
        const response = new wire.CreateResponse();
        response.setId(created.id);
        response.setProperties(toStruct(created.outputs));
        return response;
      }),
      update: unary(async (request: UpdateRequest) => {
        const outputs = await provider.update({
          ...about(request),
          id: request.getId(),
          oldInputs: fromStruct(request.getOldInputs()),
          oldOutputs: fromStruct(request.getOlds()),
          newInputs: fromStruct(request.getNews()),
          preview: request.getPreview(),
          timeoutSeconds: request.getTimeout() || undefined,
          ignoreChanges: request.getIgnorechangesList(),
        });
        const response = new wire.UpdateResponse();
        response.setProperties(toStruct(outputs));
        return response;
      }),
      read: unary(async (request: ReadRequest) => {
        const found = await provider.read({
          ...about(request),
          id: request.getId(),
          inputs: fromStruct(request.getInputs()),
          outputs: fromStruct(request.getProperties()),
        });
        const response = new wire.ReadResponse();
        if (found === undefined) return response;
        response.setId(found.id);
        response.setInputs(toStruct(found.inputs));
        response.setProperties(toStruct(found.outputs));
        return response;
      }),
      delete: unary(async (request: DeleteRequest) => {
        await provider.delete({
          ...about(request),
          id: request.getId(),
          outputs: fromStruct(request.getProperties()),
          timeoutSeconds: request.getTimeout() || undefined,
        });
        return new empty.Empty();
      }),
    },
  });
}

function checkResponse({ inputs, failures = [] }: CheckResult) {
  const response = new wire.CheckResponse();
  response.setInputs(toStruct(inputs));
  for (const { property, reason } of failures) {
    const failure = new wire.CheckFailure();
    failure.setProperty(property);
    failure.setReason(reason);
    response.addFailures(failure);
  }
  return response;
}

const { Kind } = wire.PropertyDiff;
const kindInPlace = { add: Kind.ADD, delete: Kind.DELETE, update: Kind.UPDATE };
const kindReplacing = {
  add: Kind.ADD_REPLACE,
  delete: Kind.DELETE_REPLACE,
  update: Kind.UPDATE_REPLACE,
};

function diffResponse({ changes, replaceBecauseOf, deleteBeforeReplace = false }: DiffResult) {
  const { DIFF_SOME, DIFF_NONE } = wire.DiffResponse.DiffChanges;
  const response = new wire.DiffResponse();
  response.setChanges(changes.length > 0 || replaceBecauseOf.length > 0 ? DIFF_SOME : DIFF_NONE);
  response.setReplacesList(replaceBecauseOf.map(({ path }) => formatPath(path)));
  response.setDeletebeforereplace(deleteBeforeReplace);
  response.setHasdetaileddiff(true);
  const add = (
    { path, kind }: PropertyChange,
    kinds: typeof kindInPlace | typeof kindReplacing,
  ) => {
    const difference = new wire.PropertyDiff();
    difference.setKind(kinds[kind]);
    difference.setInputdiff(true);
    response.getDetaileddiffMap().set(formatPath(path), difference);
  };
  for (const change of changes) add(change, kindInPlace);
  for (const change of replaceBecauseOf) add(change, kindReplacing);
  return response;
}

/** A failure as gRPC carries it; one that left a resource behind brings its state along (google.rpc.Status details). */
function wireError(error: unknown) {
  const message = error instanceof Error ? error.message : String(error);
  const metadata = new Metadata();
  if (error instanceof InitializationError) {
    const detail = new wire.ErrorResourceInitFailed();
    detail.setId(error.id);
    detail.setProperties(toStruct(error.outputs));
    if (error.inputs) detail.setInputs(toStruct(error.inputs));
    detail.setReasonsList(error.reasons);
    const packed = new any.Any();
    packed.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
    const outcome = new statusProtocol.Status();
    outcome.setCode(status.UNKNOWN);
    outcome.setMessage(message);
    outcome.addDetails(packed);
    metadata.add("grpc-status-details-bin", Buffer.from(outcome.serializeBinary()));
  }
  return { code: status.UNKNOWN, details: message, metadata };
}
