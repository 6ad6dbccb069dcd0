/**
 * gRPC server reflection, v1 and v1alpha: the two differ in their package name only.
 */
import { createRegistry, type DescFile, type Registry, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";

/** What both versions ask. */
type Question =
  | {
      readonly case: "listServices" | "fileByFilename" | "fileContainingSymbol" | "allExtensionNumbersOfType";
      readonly value: string;
    }
  | {
      readonly case: "fileContainingExtension";
      readonly value: { readonly containingType: string; readonly extensionNumber: number };
    }
  | { readonly case: undefined; readonly value?: undefined };

type Answer =
  | { readonly case: "listServicesResponse"; readonly value: { readonly service: { readonly name: string }[] } }
  | { readonly case: "fileDescriptorResponse"; readonly value: { readonly fileDescriptorProto: FileBytes[] } }
  | { readonly case: "errorResponse"; readonly value: { readonly errorCode: number; readonly errorMessage: string } };

type FileBytes = ReturnType<typeof toBinary>;

/** A response of either version: built without type names, so that one handler serves both. */
interface Response {
  readonly validHost: string;
  readonly originalRequest: { readonly host: string; readonly messageRequest: Question };
  readonly messageResponse: Answer;
}

/** Answers the requests of one reflection call, in order. */
export type ReflectionHandler = (
  requests: AsyncIterable<{ readonly host: string; readonly messageRequest: Question }>,
) => AsyncGenerator<Response, void, undefined>;

interface Catalog {
  readonly files: ReadonlyMap<string, DescFile>;
  readonly types: Registry;
  readonly services: readonly { readonly name: string }[];
}

/** Reflection over the services of some files. Files that they import are given along. */
export function reflectionHandler(roots: readonly DescFile[]): ReflectionHandler {
  const files = new Map<string, DescFile>();
  for (const file of roots) collect(file, files);
  const services = roots.flatMap((file) => file.services.map((service) => ({ name: service.typeName })));
  const catalog = { files, types: createRegistry(...files.values()), services };
  return async function* answerAll(requests) {
    for await (const { host, messageRequest } of requests) {
      yield {
        validHost: host,
        originalRequest: { host, messageRequest },
        messageResponse: answer(messageRequest, catalog),
      };
    }
  };
}

function answer(question: Question, catalog: Catalog): Answer {
  switch (question.case) {
    case "listServices":
      return { case: "listServicesResponse", value: { service: [...catalog.services] } };
    case "fileByFilename":
      return filesOf(catalog.files.get(question.value.replace(/\.proto$/, "")), question.value);
    case "fileContainingSymbol":
      return filesOf(fileOfSymbol(question.value, catalog.types), question.value);
    case "fileContainingExtension":
    case "allExtensionNumbersOfType":
      return notFound("this server has no extensions");
    case undefined:
      return failure(Code.InvalidArgument, "the request asks nothing");
  }
}

/** The file of a type, or of a member of one: `pkg.Service.Method` and `pkg.Message.field` name their parent's file. */
function fileOfSymbol(symbol: string, types: Registry): DescFile | undefined {
  const name = symbol.replace(/^\./, "");
  const parent = name.slice(0, Math.max(0, name.lastIndexOf(".")));
  const own = types.get(name);
  if (own !== undefined) return own.file;
  const owner = types.get(parent);
  const member = name.slice(parent.length + 1);
  if (owner?.kind === "service" && owner.methods.some((method) => method.name === member)) return owner.file;
  if (owner?.kind === "message" && owner.fields.some((field) => field.name === member)) return owner.file;
  return undefined;
}

function filesOf(file: DescFile | undefined, name: string): Answer {
  if (file === undefined) return notFound(`not found: ${name}`);
  const closure = new Map<string, DescFile>();
  collect(file, closure);
  const fileDescriptorProto = [...closure.values()].map((each) => toBinary(FileDescriptorProtoSchema, each.proto));
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function collect(file: DescFile, into: Map<string, DescFile>): void {
  if (into.has(file.name)) return;
  into.set(file.name, file);
  for (const dependency of file.dependencies) collect(dependency, into);
}

function notFound(message: string): Answer {
  return failure(Code.NotFound, message);
}

function failure(code: Code, message: string): Answer {
  return { case: "errorResponse", value: { errorCode: code, errorMessage: message } };
}
