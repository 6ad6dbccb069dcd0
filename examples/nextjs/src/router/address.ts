/** The router's socket: `ATP_URL`, else where `npm run router` listens. */
export function routerUrl(): string {
  return process.env.ATP_URL ?? "ws://127.0.0.1:7443/ws";
}
