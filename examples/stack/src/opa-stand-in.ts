import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { PolicyInput } from "atp-router-core";
import { celPolicy } from "atp-router-core/policy";

/** A server that keeps the contract of OPA's data API. */
export interface PolicyServer {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Stands in for Open Policy Agent where `opa` is not installed: `GET /health`, and `POST /v1/data/atp/decision` with `{input}`. It
 * decides by the CEL form of the policy that `policy.rego` is written after; Rego itself is not run by it.
 * @param onDecision hears each request that was decided
 */
export async function startOpaStandIn(onDecision: (allow: boolean) => void): Promise<PolicyServer> {
  const policy = celPolicy({ rules: [] });
  const server = createServer((request, response) => {
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    if (request.method === "GET" && request.url === "/health") {
      answer(200, {});
      return;
    }
    if (request.method !== "POST" || request.url !== "/v1/data/atp/decision") {
      // OPA answers 200 without a result for a rule that is not there.
      answer(200, {});
      return;
    }
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      void (async () => {
        const { input } = JSON.parse(Buffer.concat(parts).toString("utf8")) as { input: PolicyInput };
        const { allow, reasons } = await policy.decide(input, { deadlineAt: Number.MAX_SAFE_INTEGER });
        onDecision(allow);
        answer(200, { result: { allow, reasons } });
      })().catch((error: unknown) => answer(400, { code: "invalid_parameter", message: String(error) }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
